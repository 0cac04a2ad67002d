//! The hub: who is connected, who is in which channel, and who hears what.
//!
//! A **connection** is one socket, a **peer** is one identity, and a peer may have several connections (tabs,
//! devices). Everything follows from which of the two counts:
//!
//! - *Subscriptions* belong to connections. A `message` goes to every subscribed connection but the one that
//!   published it, other connections of the same peer included.
//! - *Presence* belongs to peers. A peer joins a channel with the first of its connections and leaves it with the
//!   last. Nobody is told of their own peer id: a subscriber's snapshot lists the others, and the others get its
//!   join as a delta; deltas that follow each other closely are [told together](crate::Limits::presence_tick_ms).
//! - *Direct messages* address peers: every connection of the peer gets them, the sender's own if it addressed
//!   itself.
//!
//! The answers to a request come in a fixed order: `ack`, then for a `subscribe` the snapshot, always, even if it
//! is empty or the connection may not see presence. Subscribing again to a channel is allowed at any time: it
//! brings a fresh snapshot and tells nobody.
//!
//! What is left of a connection whose socket broke, its *session*, counts as a connection for a while, except that
//! nothing is sent to it: it stays subscribed and present, and can be resumed on another socket.
//!
//! Several hubs can be [one](Hub::join_cluster): then a peer is present, and gets its messages, wherever its
//! connections are.
//!
//! The hub is pure. It has no socket, clock or randomness: time and ids are parameters, what it wants done comes
//! out of a queue, and its maps are ordered, so that the same calls give the same outputs.

mod cluster;
mod connection;
mod frame;
mod outside;
mod presence;
mod rate;
mod request;
mod ring;
mod room;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use metered_protocol::{
    Channel, ClientFrameError, CloseCode, ErrorCode, PeerId, RawJson, RequestId, Resume, ServerError,
    ServerFrame, Welcome,
};

use crate::{Identity, Limits};
use cluster::Cluster;
pub use cluster::{Ask, ClusterHealth, ClusterOutput, InvalidMessage, NodeId};
use connection::Connection;
pub use frame::Frame;
pub use outside::{Elsewhere, Reached, Usage};
pub(crate) use rate::TokenBucket;
use ring::{Kept, Meter};
use room::Room;
pub use session::{Arrival, Claim, SessionId, Ticket};

/// A connection's name, given by the driver and never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

/// What the hub wants done. Outputs for one connection are carried out in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a text frame.
    Send {
        /// To whom.
        conn: ConnId,
        /// The text. A broadcast is encoded once and its outputs share it.
        frame: Frame,
    },
    /// Close the socket, after what was sent to it. What the driver still reports of it changes nothing.
    Close {
        /// Whose.
        conn: ConnId,
        /// The close code.
        code: CloseCode,
        /// The close reason, short enough for a close frame.
        reason: &'static str,
    },
}

/// The server's state and rules.
///
/// # The driver's part
///
/// The driver owns sockets and time. It reports what happens and, **after every call**, drains
/// [`Hub::poll_output`]. It calls [`Hub::handle_timeout`] when [`Hub::poll_timeout`] says so; a call too early or
/// too often does nothing. Calls that name a connection which the hub does not know (any more) do nothing either,
/// so a driver need not care about frames that cross a close.
///
/// ```
/// use metered_protocol::{CloseCode, PeerId};
/// use metered_server::hub::{ConnId, Hub, Output, UnixMillis};
/// use metered_server::{Identity, Limits};
///
/// let mut hub = Hub::new(Limits::default());
/// let alice = Identity::unrestricted(PeerId::parse("alice").unwrap());
///
/// hub.connect(UnixMillis(1_000), ConnId(1), alice);
/// hub.handle_frame(UnixMillis(1_005), ConnId(1), r#"{"type":"subscribe","channel":"room","requestId":"1"}"#);
///
/// let mut sent = Vec::new();
/// while let Some(output) = hub.poll_output() {
///     match output {
///         Output::Send { conn: _, frame } => sent.push(frame.to_string()),
///         Output::Close { conn: _, code: _, reason: _ } => {}
///     }
/// }
/// assert!(sent[0].starts_with(r#"{"type":"welcome","peerId":"alice""#));
/// assert_eq!(sent[1], r#"{"type":"ack","requestId":"1"}"#);
/// assert_eq!(sent[2], r#"{"type":"presence","channel":"room","joined":[],"left":[]}"#);
///
/// // The client has closed its socket.
/// hub.disconnect(UnixMillis(2_000), ConnId(1), CloseCode::NORMAL);
/// ```
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    connections: BTreeMap<ConnId, Connection>,
    /// The connections of each peer. No entry is empty.
    peers: BTreeMap<PeerId, BTreeSet<ConnId>>,
    /// The channels that somebody is subscribed to.
    rooms: BTreeMap<Channel, Room>,
    /// When to close which connection because its credential ends.
    expiries: BTreeSet<(UnixMillis, ConnId)>,
    /// The sessions, and the connection that each has or had last.
    sessions: BTreeMap<SessionId, ConnId>,
    /// When to end which session without a socket.
    detached: BTreeSet<(UnixMillis, ConnId)>,
    /// When to tell which channel's changes of presence.
    untold: BTreeSet<(UnixMillis, Channel)>,
    /// The latest time that the driver has told.
    now: UnixMillis,
    /// The most connections there were at one time.
    peak_connections: usize,
    /// Messages that were published or sent.
    messages: u64,
    /// Sessions that were given another socket.
    resumed_sessions: u64,
    /// The bytes that sessions keep.
    meter: Meter,
    /// Once the server goes away: the hint for those who connect all the same.
    going_away: Option<u64>,
    /// The other hubs, if this is one of several.
    cluster: Option<Box<Cluster>>,
    outputs: VecDeque<Output>,
}

impl Hub {
    /// How long before a credential's end its connection is closed, in milliseconds.
    pub const EXPIRY_MARGIN_MS: u64 = 250;

    /// A hub without connections.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: BTreeMap::new(),
            peers: BTreeMap::new(),
            rooms: BTreeMap::new(),
            expiries: BTreeSet::new(),
            sessions: BTreeMap::new(),
            detached: BTreeSet::new(),
            untold: BTreeSet::new(),
            now: UnixMillis(0),
            peak_connections: 0,
            messages: 0,
            resumed_sessions: 0,
            meter: Meter::default(),
            going_away: None,
            cluster: None,
            outputs: VecDeque::new(),
        }
    }

    /// A client with an accepted credential has opened a socket: it is welcomed, and given the session that it
    /// claims.
    pub fn connect(&mut self, now: UnixMillis, conn: ConnId, arrival: impl Into<Arrival>) {
        let arrival = arrival.into();
        self.now = now;
        self.end(conn);
        self.handle_timeout(now);
        if self.resume(now, conn, &arrival) {
            self.resumed_sessions += 1;
        } else {
            self.begin(now, conn, arrival);
        }
        self.peak_connections = self.peak_connections.max(self.connection_count());
        if let Some(retry_after_ms) = self.going_away {
            self.send_away(conn, retry_after_ms);
        }
        self.handle_timeout(now);
    }

    /// A text frame has come from a client.
    pub fn handle_frame(&mut self, now: UnixMillis, conn: ConnId, text: &str) {
        self.now = now;
        if self.admit_frame(now, conn, text.len()) {
            self.handle_request(conn, text);
        }
    }

    /// A binary frame has come from a client. The protocol has none: it is refused, and counts as a message.
    pub fn handle_binary(&mut self, now: UnixMillis, conn: ConnId, length: usize) {
        self.now = now;
        if self.admit_frame(now, conn, length) {
            self.refuse(
                conn,
                ClientFrameError {
                    code: ErrorCode::MALFORMED_MESSAGE,
                    request_id: None,
                    message: "frames must be text",
                },
            );
        }
    }

    /// The client has read so many of the [numbered](Frame::is_numbered) frames that this connection was sent: they
    /// need not be kept any more.
    pub fn has_read(&mut self, conn: ConnId, frames: u64) {
        if let Some(session) =
            self.connections.get_mut(&conn).and_then(|connection| connection.session.as_mut())
        {
            session.has_read(frames);
        }
    }

    /// A socket is gone: its client has closed it with this code, or it broke, which is [`CloseCode::ABNORMAL`].
    /// Unless the code says that its client does not come back, its session stays for a while.
    pub fn disconnect(&mut self, now: UnixMillis, conn: ConnId, code: CloseCode) {
        self.now = now;
        if session::is_final(code) { self.say_goodbye(conn) } else { self.detach(now, conn) }
    }

    /// Closes a connection: its driver found it too slow, an administrator removed it. As with
    /// [`Hub::disconnect`], the code says whether its session stays.
    pub fn close(&mut self, now: UnixMillis, conn: ConnId, code: CloseCode, reason: &'static str) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.is_attached() {
            self.outputs.push_back(Output::Close { conn, code, reason });
        }
        self.disconnect(now, conn, code);
    }

    /// The server goes away: every client is told when to come back and closed with 1001, and so is everyone who
    /// connects from now on. No session is kept. Other hubs are told nothing: they keep the peers for a while, so that
    /// nobody sees those leave who come to another server.
    ///
    /// The hints are spread out, so that no more than `returning_per_second` clients come back at a time; 0 gives
    /// everyone the same.
    pub fn shutdown(&mut self, retry_after_ms: u64, returning_per_second: u32) {
        self.going_away = Some(retry_after_ms);
        self.cluster = None;
        // Rooms first: nobody has to hear of all the others leave one by one.
        self.rooms.clear();
        self.untold.clear();
        let mut told = 0u64;
        for conn in self.connections.keys().copied().collect::<Vec<_>>() {
            let later = (told * 1000).checked_div(returning_per_second.into()).unwrap_or(0);
            let is_attached = self.connections.get(&conn).is_some_and(Connection::is_attached);
            told += u64::from(is_attached);
            self.send_away(conn, retry_after_ms.saturating_add(later));
        }
    }

    /// When [`Hub::handle_timeout`] wants to be called, unless something happens before.
    pub fn poll_timeout(&self) -> Option<UnixMillis> {
        let expiry = self.expiries.first().map(|(at, _)| *at);
        let grace = self.detached.first().map(|(at, _)| *at);
        expiry.into_iter().chain(grace).chain(self.next_telling()).chain(self.next_tick()).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: UnixMillis) {
        self.now = now;
        while let Some((_, conn)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.close(now, conn, CloseCode::TOKEN_EXPIRED, "token expired");
        }
        self.end_overdue(now);
        self.tick_cluster(now);
        self.tell_overdue();
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many connections there are. Sessions without a socket do not count.
    pub fn connection_count(&self) -> usize {
        self.connections.len() - self.detached.len()
    }

    /// How many sessions wait for their clients to come back.
    pub fn detached_count(&self) -> usize {
        self.detached.len()
    }

    /// How many bytes are kept for sessions to come back to.
    pub fn kept_bytes(&self) -> usize {
        self.meter.bytes()
    }

    fn welcome(
        &mut self,
        now: UnixMillis,
        conn: ConnId,
        identity: &Identity,
        ticket: Option<&Ticket>,
        resumed: bool,
    ) {
        let grace_ms = self.limits.resume_grace_ms;
        let welcome = Welcome {
            peer_id: identity.peer_id.clone(),
            expires_at: identity.expires_at.map(|seconds| seconds as f64),
            server_time: (now.0 / 1000) as f64,
            max_message_size: self.limits.max_message_bytes(),
            metadata: identity.metadata.clone(),
            ice_servers: Vec::new(),
            resume: ticket.map(|ticket| Resume { token: ticket.token.clone(), grace_ms }),
            resumed,
        };
        self.send(conn, &ServerFrame::Welcome(welcome));
    }

    /// Sends a frame that answers, which is of no use to another socket.
    fn send(&mut self, conn: ConnId, frame: &ServerFrame<RawJson>) {
        self.outputs.push_back(Output::Send { conn, frame: Frame::encode(frame) });
    }

    /// Sends a frame that tells something, which a session must not miss.
    fn deliver(&mut self, conn: ConnId, frame: &ServerFrame<RawJson>) {
        let kept = Kept::encode(frame, &self.meter);
        if let Some(connection) = self.connections.get_mut(&conn) {
            self.outputs.extend(connection.deliver(conn, &kept, &self.limits));
        }
    }

    fn send_away(&mut self, conn: ConnId, retry_after_ms: u64) {
        if self.connections.get(&conn).is_some_and(Connection::is_attached) {
            self.send(conn, &ServerFrame::GoingAway { retry_after_ms });
            let (code, reason) = (CloseCode::GOING_AWAY, "server is going away");
            self.outputs.push_back(Output::Close { conn, code, reason });
        }
        self.end(conn);
    }

    fn ack(&mut self, conn: ConnId, request_id: Option<RequestId>) {
        if let Some(request_id) = request_id {
            self.send(conn, &ServerFrame::Ack { request_id });
        }
    }

    fn refuse(&mut self, conn: ConnId, error: ClientFrameError) {
        let ClientFrameError { code, request_id, message } = error;
        self.send(
            conn,
            &ServerFrame::Error(ServerError { code, request_id, message: Some(message.to_owned()) }),
        );
    }
}
