//! The state machines, told anything in any order.
//!
//! The bytes decide what happens next. When they are used up, the world ends in order, and it must be seen to: a client
//! that was closed is silent, a hub without connections is empty.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use metered_core::{
    Call, CallId, Command, Config, ConnectionEvent, ConnectionId, ConnectionState, Core, Credential,
    DataTracks, Input, Instant, Measured, OperationId, Outcome, Output, RemoteId, SocketEvent, SocketId,
    StreamId, TokenFailure,
};
use metered_protocol::{
    Candidate, Channel, CloseCode, Description, FrameHeader, PeerId, RawJson, SdpType, Secret, ServerFrame,
    ServerUrl, TrackMeta,
};
use metered_server::hub::{Arrival, Claim, ConnId, Hub, SessionId, Ticket, UnixMillis};
use metered_server::{Action, Actions, ChannelPattern, Grants, Identity, Limits};
use serde_json::Value as Json;

use crate::json;

/// Most actions of one input: more only take longer.
const MOST: usize = 300;

/// A client and a room, with a driver, a server, peers and an application that do whatever they like.
pub fn core(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(mut client) = Client::new(&mut u) else { return };
    for _ in 0..MOST {
        if u.is_empty() || client.act(&mut u).is_err() {
            break;
        }
    }
    client.end();
}

struct Client {
    core: Core<Json>,
    /// A `MeteredPeer` and not a `SignallingClient`: it has other methods.
    is_room: bool,
    now: Instant,
    calls: u32,
    open_calls: BTreeSet<CallId>,
    /// What the core speaks of, the latest last: things happen to these more often than to any.
    sockets: Vec<SocketId>,
    connections: Vec<ConnectionId>,
    operations: Vec<(Option<ConnectionId>, OperationId)>,
}

impl Client {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let url = ServerUrl::parse("wss://server.test").expect("an origin");
        let credential = if u.arbitrary()? {
            Credential::ApiKey(Secret::new("pk_live_x"))
        } else {
            Credential::TokenProvider
        };
        let mut config = Config::new(url, credential);
        config.auto_resubscribe = u.arbitrary()?;
        config.refresh_before_expiry_ms = *u.choose(&[0, 30_000, u64::MAX])?;
        config.inactivity_timeout_ms = *u.choose(&[None, Some(1), Some(60_000), Some(u64::MAX)])?;
        if let Some(reconnect) = &mut config.reconnect {
            reconnect.initial_delay_ms = u.arbitrary()?;
            reconnect.multiplier = u.arbitrary()?;
            reconnect.max_delay_ms = u.arbitrary()?;
            reconnect.max_attempts = u.arbitrary()?;
        }
        config.reconnect = config.reconnect.map(|reconnect| match reconnect.validate() {
            Ok(()) => reconnect,
            Err(_) => Default::default(),
        });
        let seed = u.arbitrary()?;
        let is_room = u.ratio(3, 4)?;
        Ok(Self {
            core: if is_room { Core::room(config, seed) } else { Core::signalling(config, seed) },
            is_room,
            now: Instant(1_000),
            calls: 0,
            open_calls: BTreeSet::new(),
            sockets: vec![SocketId(0)],
            connections: vec![ConnectionId(0)],
            operations: vec![(None, OperationId(0))],
        })
    }

    fn act(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let connection = latest(u, &self.connections)?;
        match u.int_in_range(0..=15)? {
            0 | 1 => self.call(u)?,
            2 => self.input(Input::Aborted(CallId(u.int_in_range(0..=self.calls)?))),
            3..=6 => {
                let frame = json::server_frame(u)?;
                let socket = latest(u, &self.sockets)?;
                self.input(Input::Socket(socket, SocketEvent::Frame(frame)));
            }
            7 => {
                let event = if u.ratio(1, 3)? {
                    SocketEvent::Garbage
                } else {
                    let code = CloseCode(*u.choose(&[1000, 1001, 1006, 4001, 4002, 4010, 4020, 0, 65_535])?);
                    SocketEvent::Closed { code, reason: u.arbitrary::<&str>()?.to_owned() }
                };
                let socket = latest(u, &self.sockets)?;
                self.input(Input::Socket(socket, event));
            }
            8 => {
                let (_, operation) = latest(u, &self.operations)?;
                let token = match u.int_in_range(0..=3)? {
                    0 => Err(TokenFailure::Threw(json::value(u, 1)?)),
                    1 => Err(TokenFailure::TimedOut),
                    2 => Err(TokenFailure::NotAToken),
                    _ => Ok(Secret::new("token")),
                };
                self.input(Input::Token(operation, token));
            }
            9 => {
                let event = match u.int_in_range(0..=2)? {
                    0 => ConnectionEvent::NegotiationNeeded,
                    1 => ConnectionEvent::Candidate(u.arbitrary::<bool>()?.then(Candidate::default)),
                    _ => ConnectionEvent::State(*u.choose(&[
                        ConnectionState::Connecting,
                        ConnectionState::Connected,
                        ConnectionState::Disconnected,
                        ConnectionState::Failed,
                        ConnectionState::Closed,
                    ])?),
                };
                self.input(Input::Connection(connection, event));
            }
            10 | 11 => {
                let (of, operation) = latest(u, &self.operations)?;
                let outcome = match u.int_in_range(0..=4)? {
                    0 => Err(json::value(u, 0)?),
                    1 | 2 => Ok(Outcome::Applied),
                    kind => {
                        let kind = if kind == 3 { SdpType::Offer } else { SdpType::Answer };
                        Ok(Outcome::Created(Description {
                            kind,
                            sdp: "v=0\r\na=fingerprint:sha-256 CC\r\n".to_owned(),
                        }))
                    }
                };
                self.input(Input::Connection(
                    of.unwrap_or(connection),
                    ConnectionEvent::Done(operation, outcome),
                ));
            }
            12 => self.input(Input::CheckLink),
            13 => {
                let meta = TrackMeta {
                    track_id: json::name(u)?.to_owned(),
                    metadata: None,
                    stream_id: None,
                    kind: None,
                };
                self.input(Input::DescribeTrack(RemoteId(u.int_in_range(0..=4)?), meta));
            }
            14 => {
                self.now.0 =
                    self.now.0.saturating_add(*u.choose(&[0, 1, 300, 5_000, 15_000, 60_000, 10_000_000])?);
                self.input(Input::Timeout);
            }
            _ => {
                if let Some(due) = self.core.poll_timeout() {
                    self.now = self.now.max(due);
                    self.input(Input::Timeout);
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let channel = Channel::parse(json::name(u)?).expect("a channel");
        let peer = PeerId::parse(json::name(u)?).expect("a peer id");
        let data =
            Measured { value: json::value(u, 1)?, bytes: *u.choose(&[1, 65_000, 70_000, usize::MAX])? };
        let include_sender_metadata = u.arbitrary()?;
        let call = match (u.int_in_range(0..=7)?, self.is_room) {
            (0, _) if u.ratio(1, 4)? => Call::Close { code: CloseCode::NORMAL, reason: None },
            (0..3, true) => Call::Join { channel, include_sender_metadata },
            (3..6, true) => Call::Broadcast { data },
            (0..3, false) => Call::Connect,
            (3, false) => Call::Subscribe { channel, include_sender_metadata },
            (4, false) => Call::Unsubscribe { channel },
            (5, false) => Call::Publish { channel, data },
            _ => Call::SendTo { to: peer, data },
        };
        self.begin(call);
        Ok(())
    }

    fn begin(&mut self, call: Call<Json>) {
        let id = CallId::take(&mut self.calls);
        self.open_calls.insert(id);
        self.input(Input::Call(id, call));
    }

    fn input(&mut self, input: Input<Json>) {
        if let Input::Aborted(id) = &input {
            self.open_calls.remove(id);
        }
        self.core.handle_input(self.now, input);
        self.drain();
    }

    /// Takes what the core says. Answers how much that was.
    fn drain(&mut self) -> usize {
        let mut outputs = 0;
        while let Some(output) = self.core.poll_output() {
            outputs += 1;
            assert!(outputs < 20_000, "one input has answers without end");
            match output {
                Output::Command(Command::OpenSocket(socket, _)) => self.sockets.push(socket),
                Output::Command(Command::FetchToken(operation)) => self.operations.push((None, operation)),
                Output::Command(Command::CreateConnection { connection, .. }) => {
                    self.connections.push(connection)
                }
                Output::Command(Command::Operate(connection, operation, _)) => {
                    self.operations.push((Some(connection), operation));
                }
                Output::Settle(id, _) => {
                    let is_aborted = id.0 <= self.calls;
                    assert!(self.open_calls.remove(&id) || is_aborted, "a call that there is not is settled");
                }
                _ => {}
            }
        }
        outputs
    }

    /// A close settles everything, and then there is silence.
    fn end(mut self) {
        self.begin(Call::Close { code: CloseCode::NORMAL, reason: None });
        for socket in self.sockets.clone() {
            self.input(Input::Socket(
                socket,
                SocketEvent::Closed { code: CloseCode::NORMAL, reason: String::new() },
            ));
        }
        for _ in 0..50 {
            let Some(due) = self.core.poll_timeout() else { break };
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        assert_eq!(self.core.poll_timeout(), None, "a client that is closed waits for nothing");
        assert_eq!(self.open_calls, BTreeSet::new(), "every call is settled");
        self.now.0 = self.now.0.saturating_add(10_000_000);
        self.core.handle_input(self.now, Input::Timeout);
        assert_eq!(self.drain(), 0, "a client that is closed says nothing");
    }
}

/// One of the things that there have been, most often a late one.
fn latest<T: Copy>(u: &mut Unstructured<'_>, things: &[T]) -> Result<T> {
    let back = if u.ratio(3, 4)? { 1 } else { u.int_in_range(1..=things.len())? };
    Ok(things[things.len() - back])
}

/// The data tracks of a room: control messages and packets as they should be and as they should not.
pub fn data_tracks(data: &[u8]) {
    let _ = drive_tracks(&mut Unstructured::new(data));
}

fn drive_tracks(u: &mut Unstructured<'_>) -> Result<()> {
    let mut tracks = DataTracks::new("ours".to_owned());
    let mut now = Instant(0);
    for _ in 0..MOST {
        if u.is_empty() {
            break;
        }
        let remote = RemoteId(u.int_in_range(1..=2)?);
        let handle = u.int_in_range(0..=4)?;
        match u.int_in_range(0..=14)? {
            0 => {
                // A driver tells of nobody twice.
                tracks.peer_left(remote);
                tracks.peer_joined(remote);
            }
            1 => tracks.peer_left(remote),
            2 => tracks.announced(remote, &json::value(u, 2)?),
            3 => tracks.opened(remote),
            4 => tracks.closed(remote),
            5 => tracks.connection_replaced(remote),
            6 => tracks.signals_lost(remote),
            7 => drop(tracks.publish(json::name(u)?.to_owned(), u.arbitrary()?)),
            8 => tracks.unpublish(handle),
            9 => drop(tracks.subscribe(remote, handle, u.int_in_range(0..=3)?)),
            10 => {
                let stream = StreamId(u.int_in_range(0..=6)?);
                if u.arbitrary()? { tracks.close_stream(stream) } else { drop(tracks.take(stream)) }
            }
            11 => {
                let length = *u.choose(&[0, 1, 1_188, 20_000, 1 << 20, usize::MAX])?;
                if let Ok(Some(number)) = tracks.reserve(handle, length) {
                    let header =
                        FrameHeader { handle, number, key_id: u.arbitrary()?, timestamp: u.arbitrary()? };
                    if u.arbitrary()? {
                        tracks.submit(header, &vec![0; length])
                    } else {
                        tracks.abandon(handle)
                    }
                }
            }
            12 => tracks.writable(remote, u.int_in_range(0..=100_000)?),
            13 => tracks.handle_control(remote, &json::track_control(u)?),
            _ => {
                now.0 += u64::from(u.int_in_range(0..=3_000u16)?);
                let header = FrameHeader {
                    handle,
                    number: u.int_in_range(0..=9)?,
                    key_id: u.arbitrary()?,
                    timestamp: u.arbitrary()?,
                };
                let (payload, max_packet) = (vec![0; u.int_in_range(0..=5_000)?], u.int_in_range(0..=2_000)?);
                let mut packet = header.packet(&payload, u.int_in_range(0..=5)?, max_packet);
                if u.ratio(1, 4)? {
                    let at = u.choose_index(packet.len())?;
                    packet[at] = u.arbitrary()?;
                    packet.truncate(u.choose_index(packet.len() + 1)?);
                }
                tracks.handle_packet(now, remote, &packet);
            }
        }
        let mut outputs = 0;
        while tracks.poll_output().is_some() {
            outputs += 1;
            assert!(outputs < 2_000, "one call has answers without end");
        }
    }
    Ok(())
}

/// A hub, with clients that come, talk and go as they like, and a backend.
pub fn hub(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(mut world) = World::new(&mut u) else { return };
    for _ in 0..MOST {
        if u.is_empty() || world.act(&mut u).is_err() {
            break;
        }
    }
    world.end();
}

struct World {
    hub: Hub,
    limits: Limits,
    now: UnixMillis,
    last: u64,
    /// Who is connected, as far as the hub has said: with the name of the peer.
    open: BTreeMap<ConnId, &'static str>,
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let limits = Limits {
            message_bytes: *u.choose(&[0, 200, 65_536])?,
            channels_per_connection: *u.choose(&[0, 1, 100])?,
            message_burst: *u.choose(&[1, 200])?,
            presence_tick_ms: *u.choose(&[0, 20])?,
            resume_grace_ms: *u.choose(&[0, 15_000])?,
            resume_session_frames: *u.choose(&[0, 1, 1024])?,
            resume_session_bytes: *u.choose(&[0, 300, 256 * 1024])?,
            resume_total_bytes: *u.choose(&[0, 1_000, 64 << 20])?,
            detached_sessions: *u.choose(&[0, 1, 10_000])?,
            ..Limits::default()
        };
        let now = UnixMillis(1_700_000_000_000);
        Ok(Self { hub: Hub::new(limits), limits, now, last: 0, open: BTreeMap::new() })
    }

    fn act(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let conn = ConnId(u.int_in_range(0..=self.last)?);
        match u.int_in_range(0..=13)? {
            0 | 1 => self.connect(u)?,
            2..=6 => {
                let text = if u.ratio(1, 10)? {
                    u.arbitrary::<&str>()?.to_owned()
                } else {
                    json::client_frame(u)?.to_string()
                };
                self.hub.handle_frame(self.now, conn, &text);
            }
            7 => self.hub.handle_binary(self.now, conn, u.arbitrary()?),
            8 => {
                let code = CloseCode(*u.choose(&[1000, 1001, 1006, 4000, 65_535])?);
                self.open.remove(&conn);
                self.hub.disconnect(self.now, conn, code);
            }
            9 => self.hub.close(self.now, conn, CloseCode::POLICY_VIOLATION, "too slow"),
            10 => self.hub.has_read(conn, *u.choose(&[0, 1, 2, 10, u64::MAX])?),
            11 => {
                self.now.0 += u64::from(*u.choose(&[0, 1, 20, 1_000, 16_000u32])?);
                self.hub.handle_timeout(self.now);
            }
            12 => {
                let channel = Channel::parse(json::name(u)?).expect("a channel");
                let (from, data) = (
                    PeerId::parse(json::name(u)?).expect("a peer id"),
                    RawJson::from_value(&json::value(u, 1)?),
                );
                self.hub.publish(self.now, channel, from, None, data);
            }
            _ if u.ratio(1, 20)? => self.hub.shutdown(u.arbitrary()?, u.arbitrary()?),
            _ => drop(self.hub.kick(self.now, &PeerId::parse(json::name(u)?).expect("a peer id"))),
        }
        self.drain();
        Ok(())
    }

    fn connect(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.last += 1;
        let peer = json::name(u)?;
        let ticket = |session| Ticket { session: SessionId(session), token: Secret::new("resume") };
        let claim =
            Claim { ticket: ticket(u.int_in_range(0..=u128::from(self.last))?), seen: u.arbitrary()? };
        let actions: Actions =
            if u.ratio(3, 4)? { Actions::all() } else { [Action::Subscribe].into_iter().collect() };
        let pattern = ChannelPattern::parse(u.choose(&["**", "room"])?).expect("a pattern");
        let identity = Identity {
            grants: Grants::new(actions, [pattern]),
            expires_at: u.arbitrary::<bool>()?.then_some(self.now.0 / 1000 + 10),
            peer_metadata: u.arbitrary::<bool>()?.then(|| RawJson::from_value(&serde_json::json!({"a": 1}))),
            ..Identity::unrestricted(PeerId::parse(peer).expect("a peer id"))
        };
        let conn = ConnId(self.last);
        self.open.insert(conn, peer);
        let arrival = Arrival {
            identity,
            ticket: u.arbitrary::<bool>()?.then(|| ticket(u128::from(self.last))),
            claim: u.arbitrary::<bool>()?.then_some(claim),
        };
        self.hub.connect(self.now, conn, arrival);
        Ok(())
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                metered_server::hub::Output::Send { conn, frame } => {
                    let Some(peer) = self.open.get(&conn) else {
                        panic!("{conn:?} is closed and is sent {frame:?}")
                    };
                    let json: Json = serde_json::from_str(&frame).expect("a frame is JSON");
                    let frame = ServerFrame::parse(&json).expect("a frame that a client can read");
                    assert!(!matches!(frame, ServerFrame::Unknown), "{json}");
                    if let ServerFrame::Presence { joined, left, .. } = frame {
                        let mut about = joined.iter().chain(&left);
                        assert!(
                            about.all(|other| other.peer_id.as_str() != *peer),
                            "nobody is told of themselves: {json}"
                        );
                    }
                }
                metered_server::hub::Output::Close { conn, reason, .. } => {
                    assert!(self.open.remove(&conn).is_some(), "{conn:?} is closed twice");
                    assert!(reason.len() <= 123, "a close frame has no room for {reason:?}");
                }
            }
        }
        assert_eq!(self.hub.connection_count(), self.open.len());
        let kept = self.hub.kept_bytes();
        assert!(
            self.limits.resume_total_bytes == 0 || kept <= self.limits.resume_total_bytes + (1 << 20),
            "{kept} bytes"
        );
    }

    /// When all are gone and no grace is left, nothing is kept of them.
    fn end(mut self) {
        for conn in self.open.keys().copied().collect::<Vec<_>>() {
            self.open.remove(&conn);
            self.hub.disconnect(self.now, conn, CloseCode::ABNORMAL);
            self.drain();
        }
        self.now.0 += self.limits.resume_grace_ms + 1_000;
        self.hub.handle_timeout(self.now);
        self.drain();
        let usage = self.hub.usage();
        assert_eq!((usage.connections, usage.peers, usage.channels), (0, 0, 0));
        assert_eq!((self.hub.detached_count(), self.hub.kept_bytes()), (0, 0));
        assert_eq!(self.hub.poll_timeout(), None, "an empty hub waits for nothing");
    }
}
