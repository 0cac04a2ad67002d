//! A room: one channel, its roster, and a connection to everybody in it.
//!
//! The room sits on the supervisor and sees its events first. It turns presence into remote peers, takes the
//! signals out of the direct messages and feeds them to each remote's negotiation, and hands what is left to
//! the application as `data`.
//!
//! ```text
//!   idle ─ join() ─► joining ─ subscribed ─► joined ◄─ snapshot ─ reconnecting
//!    ▲                  │ failed               └──── drop ────────────▲
//!    └──────────────────┘         any ─ close() ─► leaving ─► closed ◄─ terminal close
//! ```
//!
//! The first presence after each subscribe is the whole roster, later ones are changes. A snapshot that comes
//! before the answer to its subscribe waits for it, so that `joined` precedes every `peer-joined`. Signals of a
//! peer whose presence has not come yet wait in a bounded buffer; so do all signals between a reconnect and
//! its snapshot, because they are meant for the connections that the snapshot will bring.
//!
//! After a reconnect the remotes that are still there keep their [`RemoteId`] and get a new connection. So does a
//! remote whose connection has failed: it may have come back under the same id before the server saw it leave, and
//! then nothing but the failure tells.

mod early;
mod remote;

use litemap::LiteMap;
use metered_protocol::{Channel, CloseCode, ErrorCode, IceServer, PeerId, PresencePeer, Signal, Value};

use crate::ids::{CallId, ConnectionId, RemoteId};
use crate::input::{ConnectionEvent, Measured};
use crate::limits::{ANSWER_TIMEOUT_MS, MAX_PEERS_PER_CHANNEL};
use crate::negotiation::{Action, RemoteSignal};
use crate::output::{
    CallError, Command, DataKind, Event, Level, RemoteEvent, RemoteState, RoomError, RoomEvent, RoomState,
    SendRefusal, SignallingEvent,
};
use crate::signalling::{Origin, RoomRequest, Signalling};
use crate::timers::Timers;
use crate::{Instant, Outbox};
use early::EarlySignals;
use remote::Remote;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Answer(ConnectionId),
}

/// A presence frame's content.
type Presence<V> = (Vec<PresencePeer<V>>, Vec<PresencePeer<V>>);

#[derive(Debug)]
pub(crate) struct Room<V> {
    state: RoomState,
    channel: Option<Channel>,
    include_sender_metadata: bool,
    local_id: Option<PeerId>,
    ice_servers: Vec<IceServer>,
    remotes: LiteMap<PeerId, Remote<V>>,
    connections: LiteMap<ConnectionId, PeerId>,
    joining: Option<CallId>,
    leaving: Vec<CallId>,
    reason: Option<String>,
    /// Presence that came before the answer to the subscribe it belongs to.
    before_ack: Vec<Presence<V>>,
    /// The next presence is a snapshot, for which the signals in `early` wait.
    snapshot_due: bool,
    early: EarlySignals,
    timers: Timers<Timer>,
    last_id: u32,
}

impl<V: Value> Room<V> {
    pub(crate) fn new() -> Self {
        Self {
            state: RoomState::Idle,
            channel: None,
            include_sender_metadata: false,
            local_id: None,
            ice_servers: Vec::new(),
            remotes: LiteMap::new(),
            connections: LiteMap::new(),
            joining: None,
            leaving: Vec::new(),
            reason: None,
            before_ack: Vec::new(),
            snapshot_due: false,
            early: EarlySignals::default(),
            timers: Timers::new(),
            last_id: 0,
        }
    }

    pub(crate) fn state(&self) -> RoomState {
        self.state
    }

    pub(crate) fn local_id(&self) -> Option<&PeerId> {
        self.local_id.as_ref()
    }

    /// The channel, once joined.
    pub(crate) fn channel(&self) -> Option<&Channel> {
        match self.state {
            RoomState::Joined | RoomState::Reconnecting | RoomState::Leaving => self.channel.as_ref(),
            RoomState::Idle | RoomState::Joining | RoomState::Closed => None,
        }
    }

    pub(crate) fn remotes(&self) -> impl Iterator<Item = (&PeerId, &Remote<V>)> {
        self.remotes.iter()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    // ---- calls

    pub(crate) fn join(
        &mut self,
        now: Instant,
        call: CallId,
        channel: Channel,
        include_sender_metadata: bool,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        if self.state != RoomState::Idle {
            let state = self.state.as_str();
            out.settle(call, Err(CallError::InvalidState { method: "join", state }));
        } else if channel.is_reserved() {
            out.settle(call, Err(CallError::Send(SendRefusal::ReservedChannel)));
        } else {
            self.channel = Some(channel);
            self.include_sender_metadata = include_sender_metadata;
            self.joining = Some(call);
            self.transition(RoomState::Joining, out);
            signalling.connect(now, Origin::Room(RoomRequest::Connect));
        }
    }

    pub(crate) fn close(
        &mut self,
        now: Instant,
        call: CallId,
        reason: Option<String>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        match self.state {
            RoomState::Closed => out.settle(call, Ok(())),
            RoomState::Leaving => self.leaving.push(call),
            RoomState::Idle | RoomState::Joining | RoomState::Joined | RoomState::Reconnecting => {
                self.leaving.push(call);
                self.reason = reason;
                if self.state != RoomState::Idle {
                    self.transition(RoomState::Leaving, out);
                }
                if let Some(joining) = self.joining.take() {
                    out.settle(joining, Err(CallError::Closed));
                }
                self.remove_all(out);
                let reason = "client requested close";
                signalling.close(now, Origin::Room(RoomRequest::Close), CloseCode::NORMAL, reason);
            }
        }
    }

    pub(crate) fn broadcast(
        &mut self,
        now: Instant,
        call: CallId,
        data: Measured<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        match (&self.channel, self.state) {
            (Some(channel), RoomState::Joined) => {
                signalling.publish(now, Origin::Call(call), channel.clone(), data);
            }
            _ => out.settle(call, Err(CallError::Send(SendRefusal::NotJoined))),
        }
    }

    pub(crate) fn send_to(
        &mut self,
        now: Instant,
        call: CallId,
        to: PeerId,
        data: Measured<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        if self.state != RoomState::Joined {
            out.settle(call, Err(CallError::Send(SendRefusal::NotJoined)));
        } else if self.local_id.as_ref() == Some(&to) {
            out.settle(call, Err(CallError::Send(SendRefusal::SelfSend)));
        } else {
            signalling.send(now, Origin::Call(call), to, data);
        }
    }

    // ---- what the supervisor says

    pub(crate) fn handle_done(
        &mut self,
        now: Instant,
        request: RoomRequest,
        result: Result<(), CallError<V>>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        match (request, result) {
            (RoomRequest::Unwatched, _) => {}
            (RoomRequest::Close, _) => self.closed(out),
            (_, _) if self.state != RoomState::Joining => {}
            (RoomRequest::Connect, Ok(())) => {
                if let Some(channel) = self.channel.clone() {
                    self.snapshot_due = true;
                    let origin = Origin::Room(RoomRequest::Subscribe);
                    signalling.subscribe(now, origin, channel, self.include_sender_metadata);
                }
            }
            (RoomRequest::Subscribe, Ok(())) => {
                self.transition(RoomState::Joined, out);
                if let (Some(peer_id), Some(channel)) = (self.local_id.clone(), self.channel.clone()) {
                    out.event(Event::Room(RoomEvent::Joined { peer_id, channel }));
                }
                if let Some(call) = self.joining.take() {
                    out.settle(call, Ok(()));
                }
                for presence in std::mem::take(&mut self.before_ack) {
                    self.handle_presence(now, presence, signalling, out);
                }
            }
            (RoomRequest::Connect | RoomRequest::Subscribe, Err(error)) => {
                self.before_ack.clear();
                self.snapshot_due = false;
                self.channel = None;
                self.transition(RoomState::Idle, out);
                if let Some(call) = self.joining.take() {
                    out.settle(call, Err(error));
                }
                let reason = "join failed";
                signalling.close(now, Origin::Room(RoomRequest::Unwatched), CloseCode::NORMAL, reason);
            }
        }
    }

    pub(crate) fn handle_signalling(
        &mut self,
        now: Instant,
        event: SignallingEvent<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        match event {
            SignallingEvent::Connected(connected) => {
                self.local_id = Some(connected.peer_id);
                if !connected.ice_servers.is_empty() {
                    self.ice_servers = connected.ice_servers;
                }
                if self.state == RoomState::Reconnecting {
                    self.snapshot_due = true;
                    if self.remotes.is_empty() {
                        self.transition(RoomState::Joined, out);
                    }
                }
            }
            SignallingEvent::Disconnected { code, reason, will_reconnect } => {
                self.handle_disconnected(code, reason, will_reconnect, out);
            }
            SignallingEvent::Presence { channel, joined, left }
                if self.channel.as_ref() == Some(&channel) =>
            {
                if self.state == RoomState::Joining {
                    // The server sends one snapshot and then as many changes as there are; none is a frame we
                    // asked for, so what waits for the answer is bounded.
                    if self.before_ack.len() < MAX_PEERS_PER_CHANNEL {
                        self.before_ack.push((joined, left));
                    }
                } else {
                    self.handle_presence(now, (joined, left), signalling, out);
                }
            }
            SignallingEvent::Direct { from, from_metadata, data } => match Signal::parse(&data) {
                Ok(Some(signal)) => self.handle_signal(now, from, signal, signalling, out),
                Ok(None) => self.surface(from, from_metadata, data, DataKind::Direct, out),
                Err(malformed) => out.log(Level::Warn, malformed.0),
            },
            SignallingEvent::Message { channel, from, from_metadata, data }
                if self.channel.as_ref() == Some(&channel) =>
            {
                self.surface(from, from_metadata, data, DataKind::Broadcast, out);
            }
            SignallingEvent::ServerError { code, message } => {
                const FATAL: [ErrorCode; 2] =
                    [ErrorCode::CHANNEL_NOT_AUTHORIZED, ErrorCode::ACTION_NOT_PERMITTED];
                if FATAL.contains(&code) {
                    out.event(Event::Room(RoomEvent::Error(RoomError::Server(code, message))));
                }
            }
            SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
                let error = RoomError::TokenProvider(consecutive_failures, failure);
                out.event(Event::Room(RoomEvent::Error(error)));
            }
            SignallingEvent::Presence { .. }
            | SignallingEvent::Message { .. }
            | SignallingEvent::StateChange { .. }
            | SignallingEvent::GoingAway { .. } => {}
        }
    }

    fn handle_disconnected(
        &mut self,
        code: CloseCode,
        reason: String,
        will_reconnect: bool,
        out: &mut Outbox<V>,
    ) {
        self.early.clear();
        match self.state {
            RoomState::Joined | RoomState::Reconnecting if will_reconnect => {
                for (_, remote) in self.remotes.iter_mut() {
                    if matches!(remote.state(), RemoteState::Connecting | RemoteState::Connected) {
                        remote.transition(RemoteState::Reconnecting, out);
                    }
                }
                self.transition(RoomState::Reconnecting, out);
            }
            RoomState::Joined | RoomState::Reconnecting => {
                out.event(Event::Room(RoomEvent::Error(RoomError::Terminal(code))));
                self.remove_all(out);
                self.reason = Some(reason).filter(|reason| !reason.is_empty());
                self.closed(out);
            }
            RoomState::Idle | RoomState::Joining | RoomState::Leaving | RoomState::Closed => {}
        }
    }

    /// Shows a payload to the application if a peer of the room sent it.
    fn surface(
        &mut self,
        from: PeerId,
        from_metadata: Option<V>,
        data: V,
        kind: DataKind,
        out: &mut Outbox<V>,
    ) {
        if self.remotes.contains_key(&from) {
            out.event(Event::Room(RoomEvent::Data { from, from_metadata, data, kind }));
        } else {
            out.log(Level::Debug, "dropped a message of somebody who is not in the room");
        }
    }

    // ---- roster

    fn handle_presence(
        &mut self,
        now: Instant,
        (joined, left): Presence<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        if !matches!(self.state, RoomState::Joined | RoomState::Reconnecting) {
            return;
        }
        let is_snapshot = std::mem::take(&mut self.snapshot_due);
        if is_snapshot {
            // Whoever left goes first: an id that came back to somebody else must not meet its old holder.
            let mut present: Vec<&PeerId> = joined.iter().map(|peer| &peer.peer_id).collect();
            present.sort_unstable();
            let is_gone = |id: &&PeerId| present.binary_search(id).is_err();
            let gone: Vec<PeerId> = self.remotes.keys().filter(is_gone).cloned().collect();
            for id in gone {
                self.remove(&id, out);
            }
        }
        let reconcile = is_snapshot && self.state == RoomState::Reconnecting;
        for peer in joined {
            match self.remotes.get_mut(&peer.peer_id) {
                Some(remote) => {
                    remote.metadata = peer.metadata;
                    if reconcile {
                        self.replace(&peer.peer_id, out);
                    }
                }
                None => self.add(peer, out),
            }
        }
        for peer in left {
            self.remove(&peer.peer_id, out);
        }
        self.transition_from_reconnecting(out);
        for (from, signal) in self.early.take_for(|id| self.remotes.contains_key(id)) {
            self.deliver(now, &from, signal, signalling, out);
        }
    }

    fn transition_from_reconnecting(&mut self, out: &mut Outbox<V>) {
        if self.state == RoomState::Reconnecting {
            self.transition(RoomState::Joined, out);
        }
    }

    fn add(&mut self, peer: PresencePeer<V>, out: &mut Outbox<V>) {
        let Some(local_id) = &self.local_id else { return };
        if peer.peer_id == *local_id {
            return;
        }
        if self.remotes.len() >= MAX_PEERS_PER_CHANNEL {
            out.log(Level::Warn, "left a peer out: the room is full");
            return;
        }
        let remote = Remote::new(
            RemoteId::next(&mut self.last_id),
            ConnectionId::next(&mut self.last_id),
            *local_id < peer.peer_id,
            peer.metadata,
        );
        self.create_connection(&peer.peer_id, &remote, out);
        out.event(Event::Room(RoomEvent::PeerJoined(remote.id)));
        self.remotes.insert(peer.peer_id, remote);
    }

    fn remove(&mut self, peer_id: &PeerId, out: &mut Outbox<V>) {
        if let Some(mut remote) = self.remotes.remove(peer_id) {
            self.close_connection(remote.connection, out);
            remote.transition(RemoteState::Closed, out);
            out.event(Event::Room(RoomEvent::PeerLeft(remote.id, remote.metadata)));
        }
    }

    fn remove_all(&mut self, out: &mut Outbox<V>) {
        while let Some(id) = self.remotes.last().map(|(id, _)| id.clone()) {
            self.remove(&id, out);
        }
        self.early.clear();
    }

    /// Gives a remote a new connection.
    fn replace(&mut self, peer_id: &PeerId, out: &mut Outbox<V>) {
        let Some(local_id) = self.local_id.clone() else { return };
        let Some(remote) = self.remotes.get_mut(peer_id) else { return };
        let old = remote.connection;
        remote.renew(ConnectionId::next(&mut self.last_id), local_id < *peer_id);
        if matches!(remote.state(), RemoteState::Connecting | RemoteState::Connected) {
            remote.transition(RemoteState::Reconnecting, out);
        }
        let id = remote.id;
        self.close_connection(old, out);
        if let Some(remote) = self.remotes.get(peer_id) {
            let (connection, remote) = (remote.connection, remote.id);
            self.connections.insert(connection, peer_id.clone());
            out.command(Command::CreateConnection {
                connection,
                remote,
                peer_id: peer_id.clone(),
                ice_servers: self.ice_servers.clone(),
            });
        }
        out.event(Event::Remote(id, RemoteEvent::ConnectionReset));
    }

    fn create_connection(&mut self, peer_id: &PeerId, remote: &Remote<V>, out: &mut Outbox<V>) {
        self.connections.insert(remote.connection, peer_id.clone());
        out.command(Command::CreateConnection {
            connection: remote.connection,
            remote: remote.id,
            peer_id: peer_id.clone(),
            ice_servers: self.ice_servers.clone(),
        });
    }

    fn close_connection(&mut self, connection: ConnectionId, out: &mut Outbox<V>) {
        self.connections.remove(&connection);
        self.timers.stop(Timer::Answer(connection));
        out.command(Command::CloseConnection(connection));
    }

    // ---- negotiation

    fn handle_signal(
        &mut self,
        now: Instant,
        from: PeerId,
        signal: Signal<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        let signal = match signal {
            Signal::Description(description) => RemoteSignal::Description(description),
            Signal::Candidate(candidate) => RemoteSignal::Candidate(candidate),
            Signal::TrackMeta { .. } => return,
        };
        if self.local_id.as_ref() == Some(&from) {
            return;
        }
        if !self.snapshot_due && self.remotes.contains_key(&from) {
            self.deliver(now, &from, signal, signalling, out);
        } else if !self.early.push(from, signal) {
            out.log(Level::Debug, "dropped signals of a peer that is not present");
        }
    }

    fn deliver(
        &mut self,
        now: Instant,
        from: &PeerId,
        signal: RemoteSignal,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        if let Some(remote) = self.remotes.get_mut(from) {
            remote.negotiation.received(signal, &mut self.last_id);
            self.act(now, from, signalling, out);
        }
    }

    pub(crate) fn handle_connection(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        event: ConnectionEvent<V>,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        let Some(peer_id) = self.connections.get(&connection).cloned() else { return };
        let Some(remote) = self.remotes.get_mut(&peer_id) else { return };
        match event {
            ConnectionEvent::NegotiationNeeded => remote.negotiation.negotiation_needed(&mut self.last_id),
            ConnectionEvent::Candidate(candidate) => remote.negotiation.gathered(candidate),
            ConnectionEvent::Done(op, result) => remote.negotiation.finished(op, result, &mut self.last_id),
            ConnectionEvent::State(state) => {
                // Until the snapshot decides, a connection of before the drop has nothing to say.
                if self.state != RoomState::Reconnecting && remote.connection_state(state, out) {
                    self.replace(&peer_id, out);
                }
            }
        }
        self.act(now, &peer_id, signalling, out);
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        signalling: &mut Signalling<V>,
        out: &mut Outbox<V>,
    ) {
        while let Some(Timer::Answer(connection)) = self.timers.expired(now) {
            let Some(peer_id) = self.connections.get(&connection).cloned() else { continue };
            if let Some(remote) = self.remotes.get_mut(&peer_id) {
                remote.negotiation.answer_timed_out(&mut self.last_id);
                self.act(now, &peer_id, signalling, out);
            }
        }
    }

    /// Carries out what a negotiation decided.
    fn act(&mut self, now: Instant, peer_id: &PeerId, signalling: &mut Signalling<V>, out: &mut Outbox<V>) {
        while let Some(remote) = self.remotes.get_mut(peer_id) {
            let (id, connection) = (remote.id, remote.connection);
            let Some(action) = remote.negotiation.poll_action() else { return };
            match action {
                Action::Operate(op, operation) => out.command(Command::Operate(connection, op, operation)),
                Action::SendDescription(description) => {
                    signalling.send_signal(now, peer_id.clone(), Signal::Description(description));
                }
                Action::SendCandidate(candidate) => {
                    signalling.send_signal(now, peer_id.clone(), Signal::Candidate(candidate));
                }
                Action::AwaitAnswer => {
                    self.timers.set(Timer::Answer(connection), now.after(ANSWER_TIMEOUT_MS));
                }
                Action::AnswerSettled => self.timers.stop(Timer::Answer(connection)),
                Action::Replace(signals) => {
                    self.replace(peer_id, out);
                    if let Some(remote) = self.remotes.get_mut(peer_id) {
                        for signal in signals {
                            remote.negotiation.received(signal, &mut self.last_id);
                        }
                    }
                }
                Action::NegotiationError(error) => {
                    out.event(Event::Remote(id, RemoteEvent::NegotiationError(error)));
                }
                Action::CandidateError(error) => {
                    out.event(Event::Remote(id, RemoteEvent::IceCandidateError(error)));
                }
                Action::Log(level, message) => out.log(level, message),
            }
        }
    }

    // ---- state

    fn closed(&mut self, out: &mut Outbox<V>) {
        let was_idle = self.state == RoomState::Idle;
        let channel = self.channel.take();
        self.transition(RoomState::Closed, out);
        if !was_idle {
            let (peer_id, reason) = (self.local_id.clone(), self.reason.take());
            out.event(Event::Room(RoomEvent::Left { peer_id, channel, reason }));
        }
        for call in std::mem::take(&mut self.leaving) {
            out.settle(call, Ok(()));
        }
    }

    fn transition(&mut self, to: RoomState, out: &mut Outbox<V>) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            out.event(Event::Room(RoomEvent::StateChange { from, to }));
        }
    }
}
