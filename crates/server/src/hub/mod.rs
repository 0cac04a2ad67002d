//! The hub: who is connected, who is in which channel, and who hears what.
//!
//! A **connection** is one socket, a **peer** is one identity, and a peer may have several connections (tabs,
//! devices). Everything follows from which of the two counts:
//!
//! - *Subscriptions* belong to connections. A `message` goes to every subscribed connection but the one that
//!   published it, other connections of the same peer included.
//! - *Presence* belongs to peers. A peer joins a channel with the first of its connections and leaves it with the
//!   last. Nobody is told of their own peer id: a subscriber's snapshot lists the others, and the others get its
//!   join as a delta.
//! - *Direct messages* address peers: every connection of the peer gets them, the sender's own if it addressed
//!   itself.
//!
//! The answers to a request come in a fixed order: `ack`, then for a `subscribe` the snapshot, always, even if it
//! is empty or the connection may not see presence. Subscribing again to a channel is allowed at any time: it
//! brings a fresh snapshot and tells nobody.
//!
//! The hub is pure. It has no socket, clock or randomness: time and ids are parameters, what it wants done comes
//! out of a queue, and its maps are ordered, so that the same calls give the same outputs.

mod connection;
mod frame;
mod rate;
mod request;
mod room;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use metered_protocol::{
    Channel, ClientFrameError, CloseCode, ErrorCode, PeerId, PresencePeer, RawJson, RequestId, ServerFrame,
    Welcome,
};

use crate::{Identity, Limits};
use connection::Connection;
pub use frame::Frame;
use room::Room;

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
    /// Close the socket, after what was sent to it. The hub has forgotten the connection already.
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
/// use metered_protocol::PeerId;
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
/// // The socket is gone.
/// hub.disconnect(ConnId(1));
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
    /// Once the server goes away: the hint for those who connect all the same.
    going_away: Option<u64>,
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
            going_away: None,
            outputs: VecDeque::new(),
        }
    }

    /// A client with an accepted credential has opened a socket: it is welcomed.
    pub fn connect(&mut self, now: UnixMillis, conn: ConnId, identity: Identity) {
        self.disconnect(conn);
        self.send(conn, &self.welcome(now, &identity));
        let expiry = identity
            .expires_at
            .map(|seconds| UnixMillis(seconds.saturating_mul(1000).saturating_sub(Self::EXPIRY_MARGIN_MS)));
        self.expiries.extend(expiry.map(|at| (at, conn)));
        self.peers.entry(identity.peer_id.clone()).or_default().insert(conn);
        self.connections.insert(conn, Connection::new(now, identity, expiry, &self.limits));
        if let Some(retry_after_ms) = self.going_away {
            self.send_away(conn, retry_after_ms);
        }
        self.handle_timeout(now);
    }

    /// A text frame has come from a client.
    pub fn handle_frame(&mut self, now: UnixMillis, conn: ConnId, text: &str) {
        if self.admit_frame(now, conn, text.len()) {
            self.handle_request(conn, text);
        }
    }

    /// A binary frame has come from a client. The protocol has none: it is refused, and counts as a message.
    pub fn handle_binary(&mut self, now: UnixMillis, conn: ConnId, length: usize) {
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

    /// A socket is gone, or the driver no longer serves it.
    pub fn disconnect(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        if let Some(at) = connection.expiry {
            self.expiries.remove(&(at, conn));
        }
        let peer = &connection.identity.peer_id;
        if let Some(connections) = self.peers.get_mut(peer) {
            connections.remove(&conn);
            if connections.is_empty() {
                self.peers.remove(peer);
            }
        }
        for channel in &connection.channels {
            self.leave(conn, channel);
        }
    }

    /// Closes a connection: its driver found it too slow, an administrator removed it.
    pub fn close(&mut self, conn: ConnId, code: CloseCode, reason: &'static str) {
        if self.connections.contains_key(&conn) {
            self.outputs.push_back(Output::Close { conn, code, reason });
            self.disconnect(conn);
        }
    }

    /// The server goes away: every client is told when to come back and closed with 1001, and so is everyone who
    /// connects from now on.
    pub fn shutdown(&mut self, retry_after_ms: u64) {
        self.going_away = Some(retry_after_ms);
        // Rooms first: nobody has to hear of all the others leave one by one.
        self.rooms.clear();
        for conn in self.connections.keys().copied().collect::<Vec<_>>() {
            self.send_away(conn, retry_after_ms);
        }
    }

    /// When [`Hub::handle_timeout`] wants to be called, unless something happens before.
    pub fn poll_timeout(&self) -> Option<UnixMillis> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: UnixMillis) {
        while let Some((_, conn)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.close(conn, CloseCode::TOKEN_EXPIRED, "token expired");
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many connections there are.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Who is in a channel, in the order of their ids.
    pub fn channel_peers(&self, channel: &Channel) -> Vec<PresencePeer<RawJson>> {
        self.rooms.get(channel).map(|room| room.peers(None)).unwrap_or_default()
    }

    fn welcome(&self, now: UnixMillis, identity: &Identity) -> ServerFrame<RawJson> {
        ServerFrame::Welcome(Welcome {
            peer_id: identity.peer_id.clone(),
            expires_at: identity.expires_at.map(|seconds| seconds as f64),
            server_time: (now.0 / 1000) as f64,
            max_message_size: self.limits.max_message_bytes(),
            metadata: identity.metadata.clone(),
            ice_servers: Vec::new(),
            resume: None,
            resumed: false,
        })
    }

    fn send(&mut self, conn: ConnId, frame: &ServerFrame<RawJson>) {
        self.outputs.push_back(Output::Send { conn, frame: Frame::encode(frame) });
    }

    fn send_away(&mut self, conn: ConnId, retry_after_ms: u64) {
        self.send(conn, &ServerFrame::GoingAway { retry_after_ms });
        self.close(conn, CloseCode::GOING_AWAY, "server is going away");
    }

    fn ack(&mut self, conn: ConnId, request_id: Option<RequestId>) {
        if let Some(request_id) = request_id {
            self.send(conn, &ServerFrame::Ack { request_id });
        }
    }

    fn refuse(&mut self, conn: ConnId, error: ClientFrameError) {
        let ClientFrameError { code, request_id, message } = error;
        self.send(conn, &ServerFrame::Error { code, request_id, message: Some(message.to_owned()) });
    }
}
