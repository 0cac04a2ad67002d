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
//! [`reconcile`] says what becomes of the remotes when the signalling connection drops and comes back. A connection that
//! fails while the server is there is brought back by ICE restarts, at the pace of its [`ladder`]. A description from
//! another connection than the one we know replaces ours: the [`crate::RemoteId`] stays, the connection is a new one.

mod actor;
mod early;
mod ladder;
mod peering;
mod reconcile;
mod remote;
mod roster;

use std::rc::Rc;

use metered_protocol::{Channel, CloseCode, ErrorCode, Message, PeerId, PresencePeer, Signal, Value};

use crate::Instant;
use crate::ids::CallId;
use crate::input::Measured;
use crate::limits::MAX_PEERS_PER_CHANNEL;
use crate::output::{CallError, Event, Level, RoomError, RoomEvent, RoomState, SendRefusal, SignallingEvent};
use crate::signalling::{Origin, RoomRequest, Signalling};
pub(crate) use actor::Actor;
use early::EarlySignals;
use reconcile::Snapshot;
pub(crate) use remote::Remote;

/// A presence frame's content.
type Presence<V> = (Vec<PresencePeer<V>>, Vec<PresencePeer<V>>);

#[derive(Debug)]
pub(crate) struct Room<V> {
    state: RoomState,
    channel: Option<Channel>,
    include_sender_metadata: bool,
    local_id: Option<PeerId>,
    ice_servers: Rc<[V]>,
    /// In the order of their peer ids.
    remotes: Vec<Box<Remote<V>>>,
    joining: Option<CallId>,
    leaving: Vec<CallId>,
    reason: Option<String>,
    /// Presence that came before the answer to the subscribe it belongs to.
    before_ack: Vec<Presence<V>>,
    /// The next presence is a snapshot, for which the signals in `early` wait.
    snapshot_due: bool,
    /// After a reconnect, what is known of that snapshot.
    snapshot: Option<Snapshot>,
    /// When the signalling connection was lost.
    dropped_at: Instant,
    early: EarlySignals<V>,
    last_id: u32,
}

impl<V: Value> Room<V> {
    pub(crate) fn new() -> Self {
        Self {
            state: RoomState::Idle,
            channel: None,
            include_sender_metadata: false,
            local_id: None,
            ice_servers: Rc::new([]),
            remotes: Vec::new(),
            joining: None,
            leaving: Vec::new(),
            reason: None,
            before_ack: Vec::new(),
            snapshot_due: false,
            snapshot: None,
            dropped_at: Instant::default(),
            early: EarlySignals::default(),
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

    /// The remotes in the order of their peer ids.
    pub(crate) fn remotes(&self) -> &[Box<Remote<V>>] {
        &self.remotes
    }

    // ---- calls

    pub(crate) fn join(
        &mut self,
        now: Instant,
        call: CallId,
        channel: Channel,
        include_sender_metadata: bool,
        link: &mut Signalling<V>,
    ) {
        // A close may still wait for the socket of a join that was given up.
        if self.state != RoomState::Idle || !self.leaving.is_empty() {
            link.out.settle(call, Err(CallError::InvalidState));
        } else if channel.is_reserved() {
            link.out.settle(call, Err(CallError::Send(SendRefusal::ReservedChannel)));
        } else {
            self.channel = Some(channel);
            self.include_sender_metadata = include_sender_metadata;
            self.joining = Some(call);
            self.transition(RoomState::Joining, link);
            link.connect(now, Origin::Room(RoomRequest::Connect));
        }
    }

    pub(crate) fn close(
        &mut self,
        now: Instant,
        call: CallId,
        reason: Option<String>,
        link: &mut Signalling<V>,
    ) {
        match self.state {
            RoomState::Closed => link.out.settle(call, Ok(())),
            RoomState::Leaving => self.leaving.push(call),
            RoomState::Idle | RoomState::Joining | RoomState::Joined | RoomState::Reconnecting => {
                self.leaving.push(call);
                self.reason = reason;
                if self.state != RoomState::Idle {
                    self.transition(RoomState::Leaving, link);
                }
                self.settle_join(Err(CallError::Closed), link);
                self.remove_all(link);
                let reason = "client requested close";
                link.close(now, Origin::Room(RoomRequest::Close), CloseCode::NORMAL, reason);
            }
        }
    }

    /// Whether this call is the join under way.
    pub(crate) fn is_joining(&self, call: CallId) -> bool {
        self.joining == Some(call)
    }

    pub(crate) fn broadcast(
        &mut self,
        now: Instant,
        call: CallId,
        data: Measured<V>,
        link: &mut Signalling<V>,
    ) {
        match (&self.channel, self.state) {
            (Some(channel), RoomState::Joined) => {
                link.publish(now, Origin::Call(call), channel, data);
            }
            _ => link.out.settle(call, Err(CallError::Send(SendRefusal::NotJoined))),
        }
    }

    pub(crate) fn send_to(
        &mut self,
        now: Instant,
        call: CallId,
        to: PeerId,
        data: Measured<V>,
        link: &mut Signalling<V>,
    ) {
        if self.state != RoomState::Joined {
            link.out.settle(call, Err(CallError::Send(SendRefusal::NotJoined)));
        } else if self.local_id.as_ref() == Some(&to) {
            link.out.settle(call, Err(CallError::Send(SendRefusal::SelfSend)));
        } else {
            link.send(now, Origin::Call(call), &to, data);
        }
    }

    // ---- what the supervisor says

    pub(crate) fn handle_done(
        &mut self,
        now: Instant,
        request: RoomRequest,
        result: Result<(), CallError<V>>,
        link: &mut Signalling<V>,
    ) {
        match (request, result) {
            (RoomRequest::Unwatched, _) => {}
            (RoomRequest::Close, _) => self.closed(link),
            (_, _) if self.state != RoomState::Joining => {}
            (RoomRequest::Connect, Ok(())) => {
                if let Some(channel) = self.channel.clone() {
                    self.snapshot_due = true;
                    let origin = Origin::Room(RoomRequest::Subscribe);
                    link.subscribe(now, origin, channel, self.include_sender_metadata);
                }
            }
            (RoomRequest::Subscribe, Ok(())) => {
                self.transition(RoomState::Joined, link);
                if let (Some(peer_id), Some(channel)) = (self.local_id.clone(), self.channel.clone()) {
                    link.out.event(Event::Room(RoomEvent::Joined { peer_id, channel }));
                }
                self.settle_join(Ok(()), link);
                for presence in std::mem::take(&mut self.before_ack) {
                    self.handle_presence(now, presence, link);
                }
            }
            (RoomRequest::Connect | RoomRequest::Subscribe, Err(error)) => {
                self.before_ack.clear();
                self.snapshot_due = false;
                self.channel = None;
                self.transition(RoomState::Idle, link);
                self.settle_join(Err(error), link);
                let reason = "join failed";
                link.close(now, Origin::Room(RoomRequest::Unwatched), CloseCode::NORMAL, reason);
            }
        }
    }

    pub(crate) fn handle_signalling(
        &mut self,
        now: Instant,
        event: SignallingEvent<V>,
        link: &mut Signalling<V>,
    ) {
        match event {
            SignallingEvent::Connected(connected) => {
                self.handle_connected(now, connected.welcome, link);
            }
            SignallingEvent::Disconnected { code, reason, will_reconnect } => {
                self.handle_disconnected(now, code, reason, will_reconnect, link);
            }
            SignallingEvent::Presence { channel, joined, left, .. }
                if self.channel.as_ref() == Some(&channel) =>
            {
                if self.state == RoomState::Joining {
                    // The server sends one snapshot and then as many changes as there are; none is a frame we
                    // asked for, so what waits for the answer is bounded.
                    if self.before_ack.len() < MAX_PEERS_PER_CHANNEL {
                        self.before_ack.push((joined, left));
                    }
                } else {
                    self.handle_presence(now, (joined, left), link);
                }
            }
            SignallingEvent::Message { message, frame } => self.handle_message(now, message, frame, link),
            SignallingEvent::ServerError(error) => {
                if error.code == ErrorCode::CHANNEL_NOT_AUTHORIZED
                    || error.code == ErrorCode::ACTION_NOT_PERMITTED
                {
                    link.out.event(Event::Room(RoomEvent::Error(RoomError::Server(error))));
                }
            }
            SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
                let error = RoomError::TokenProvider(consecutive_failures, failure);
                link.out.event(Event::Room(RoomEvent::Error(error)));
            }
            SignallingEvent::Presence { .. }
            | SignallingEvent::StateChange { .. }
            | SignallingEvent::GoingAway { .. } => {}
        }
    }

    /// Takes a signal in, or shows a payload to the application if a peer of the room sent it.
    fn handle_message(&mut self, now: Instant, message: Message<V>, frame: V, link: &mut Signalling<V>) {
        if message.channel.is_none() {
            match Signal::parse(&message.data) {
                Ok(Some(signal)) => return self.handle_signal(now, message.from, signal, link),
                Ok(None) => {}
                Err(_) => return link.out.log(Level::Warn, "dropped a malformed signal"),
            }
        } else if message.channel != self.channel {
            return;
        }
        if self.find(&message.from).is_ok() {
            link.out.event(Event::Room(RoomEvent::Data { message, frame }));
        } else {
            link.out.log(Level::Debug, "dropped a message of an absent peer");
        }
    }

    fn settle_join(&mut self, result: Result<(), CallError<V>>, link: &mut Signalling<V>) {
        if let Some(call) = self.joining.take() {
            link.out.settle(call, result);
        }
    }

    // ---- state

    fn closed(&mut self, link: &mut Signalling<V>) {
        let was_idle = self.state == RoomState::Idle;
        let channel = self.channel.take();
        self.snapshot = None;
        self.transition(RoomState::Closed, link);
        if !was_idle {
            let (peer_id, reason) = (self.local_id.clone(), self.reason.take());
            link.out.event(Event::Room(RoomEvent::Left { peer_id, channel, reason }));
        }
        for call in std::mem::take(&mut self.leaving) {
            link.out.settle(call, Ok(()));
        }
    }

    fn transition(&mut self, to: RoomState, link: &mut Signalling<V>) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            link.out.event(Event::Room(RoomEvent::StateChange { from, to }));
        }
    }
}
