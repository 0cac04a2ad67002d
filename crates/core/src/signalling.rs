//! The signalling supervisor: one connection to the server, kept up.
//!
//! ```text
//!             connect()              welcome
//!      idle ───────────► connecting ────────► connected ◄───────┐
//!        ▲                   │                    │ drop        │ welcome
//!        │                   │ failure            ▼             │
//!      (new)                 ▼               reconnecting ──────┘
//!                          closed ◄───────────────┘ terminal code, attempts used up, or close()
//! ```
//!
//! The supervisor owns at most one socket that it listens to. A socket it has given up is told to close and
//! its id forgotten, so that whatever it still reports is stale by construction. The first attempt of a
//! `connect()` fails for the caller to see; after a first success every drop is the supervisor's business.
//!
//! Five rooms belong to it: [`requests`] pairs frames with their answers, [`subscriptions`] remembers what to
//! replay, [`liveness`] decides when silence is too long, [`pace`] holds signals back, and `Reconnect` in the
//! configuration computes the backoff.

mod connection;
mod liveness;
mod pace;
mod requests;
mod subscriptions;

use fastrand::Rng;
use metered_protocol::{Channel, ClientFrame, CloseCode, PeerId, Signal, Value};

use crate::config::Config;
use crate::ids::{CallId, OperationId, SocketId};
use crate::input::Measured;
use crate::output::{CallError, Command, Event, JsonText, Level, Payload, SignallingEvent, SignallingState};
use crate::timers::Timers;
use crate::{Instant, Outbox, limits};
use liveness::Liveness;
use pace::Pace;
use requests::Requests;
use subscriptions::Subscriptions;

/// Who is waiting for a request's answer, or for `connect()` or `close()` to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The application.
    Call(CallId),
    /// The supervisor itself, replaying a subscription.
    Replay(Channel),
    /// The room.
    Room(RoomRequest),
}

/// What the room asks of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomRequest {
    Connect,
    Subscribe,
    Close,
    /// Nobody waits for the end of it.
    Unwatched,
}

/// What the supervisor says to the room, in place of the application.
#[derive(Debug)]
pub(crate) enum News<V> {
    Event(SignallingEvent<V>),
    Done(RoomRequest, Result<(), CallError<V>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    TokenProvider,
    Welcome,
    Backoff,
    Liveness,
    Acks,
    Replay,
    Pace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection, and none wanted. `idle` or `closed`.
    Down,
    /// Waiting for a token.
    FetchingToken(OperationId),
    /// Waiting for the welcome.
    Opening(SocketId),
    /// Welcomed.
    Connected(SocketId),
    /// Waiting for the backoff to end.
    Waiting,
}

#[derive(Debug)]
pub(crate) struct Signalling<V> {
    config: Config,
    rng: Rng,
    phase: Phase,
    state: SignallingState,
    peer_id: Option<PeerId>,
    max_message_size: usize,
    /// Who called `connect()`, until the first attempt ends.
    connecting: Option<Origin>,
    /// Attempts since the last welcome.
    attempts: u32,
    /// A delay that the last close code demands.
    delay_floor_ms: u64,
    token_failures: u32,
    /// Sockets that `close()` closed, and who waits for them.
    closing: Vec<Closing>,
    requests: Requests,
    subscriptions: Subscriptions,
    liveness: Liveness,
    pace: Pace,
    timers: Timers<Timer>,
    last_id: u32,
    /// What is to be done. The room puts its own here too, so that there is one order.
    pub(crate) out: Outbox<V>,
    /// What the room has not heard yet; `None` without a room, when the application hears everything.
    news: Option<Vec<News<V>>>,
}

/// A socket that `close()` closed.
#[derive(Debug)]
struct Closing {
    socket: SocketId,
    waiting: Vec<Origin>,
    /// When those who wait are told, closed or not.
    deadline: Instant,
}

impl<V: Value> Signalling<V> {
    pub(crate) fn new(config: Config, seed: u64, has_room: bool) -> Self {
        Self {
            liveness: Liveness::new(config.inactivity_timeout_ms),
            config,
            rng: Rng::with_seed(seed),
            phase: Phase::Down,
            state: SignallingState::Idle,
            peer_id: None,
            max_message_size: limits::MAX_MESSAGE_SIZE as usize,
            connecting: None,
            attempts: 0,
            delay_floor_ms: 0,
            token_failures: 0,
            closing: Vec::new(),
            requests: Requests::default(),
            subscriptions: Subscriptions::default(),
            pace: Pace::new(),
            timers: Timers::new(),
            last_id: 0,
            out: Outbox::default(),
            news: has_room.then(Vec::new),
        }
    }

    pub(crate) fn state(&self) -> SignallingState {
        self.state
    }

    pub(crate) fn peer_id(&self) -> Option<&PeerId> {
        self.peer_id.as_ref()
    }

    /// What the room has not heard yet.
    pub(crate) fn take_news(&mut self) -> Vec<News<V>> {
        self.news.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let flush = self.closing.iter().map(|closing| closing.deadline);
        self.timers.next().into_iter().chain(flush).min()
    }

    // ---- calls

    pub(crate) fn connect(&mut self, now: Instant, origin: Origin) {
        if self.phase != Phase::Down {
            self.done(origin, Err(CallError::InvalidState));
            return;
        }
        self.connecting = Some(origin);
        self.attempts = 0;
        self.delay_floor_ms = 0;
        self.token_failures = 0;
        self.attempt(now);
    }

    /// Closes for good. The state changes at once; `origin` hears when the socket is closed too, or after
    /// [`limits::CLOSE_FLUSH_MS`].
    pub(crate) fn close(&mut self, now: Instant, origin: Origin, code: CloseCode, reason: &str) {
        if let Some(closing) = self.closing.last_mut()
            && self.phase == Phase::Down
        {
            closing.waiting.push(origin);
            return;
        }
        let socket = self.socket();
        if let Some(connecting) = self.connecting.take() {
            self.done(connecting, Err(CallError::Closed));
        }
        self.leave_connection();
        self.subscriptions.clear();
        self.transition(SignallingState::Closed);
        match socket {
            None => self.done(origin, Ok(())),
            Some(socket) => {
                let deadline = now.after(limits::CLOSE_FLUSH_MS);
                self.closing.push(Closing { socket, waiting: vec![origin], deadline });
                self.command(Command::CloseSocket(socket, code, reason.to_owned()));
            }
        }
    }

    pub(crate) fn subscribe(&mut self, now: Instant, origin: Origin, channel: Channel, metadata: bool) {
        // Remembered before the frame leaves, so that a drop between the two cannot lose it.
        if self.state == SignallingState::Connected || self.subscriptions.get(&channel).is_some() {
            self.subscriptions.insert(channel.clone(), metadata);
        }
        let frame = ClientFrame::Subscribe { channel, request_id: None, include_sender_metadata: metadata };
        self.request(now, origin, 0, frame);
    }

    pub(crate) fn unsubscribe(&mut self, now: Instant, origin: Origin, channel: Channel) {
        self.subscriptions.remove(&channel);
        self.request(now, origin, 0, ClientFrame::Unsubscribe { channel, request_id: None });
    }

    pub(crate) fn publish(&mut self, now: Instant, origin: Origin, channel: Channel, data: Measured<V>) {
        let frame = ClientFrame::Publish { channel, data: Payload::User(data.value), request_id: None };
        self.request(now, origin, data.bytes, frame);
    }

    pub(crate) fn send(&mut self, now: Instant, origin: Origin, to: PeerId, data: Measured<V>) {
        let frame = ClientFrame::Send { to, data: Payload::User(data.value), request_id: None };
        self.request(now, origin, data.bytes, frame);
    }

    /// Sends a signal of the negotiation, when it is its turn. Without a connection it is dropped: the peers
    /// negotiate anew when there is one.
    pub(crate) fn send_signal(&mut self, now: Instant, to: PeerId, signal: Signal<JsonText>) {
        if self.state == SignallingState::Connected {
            if !self.pace.push(to, signal) {
                self.log(Level::Warn, "dropped a signal: too many wait to leave");
            }
            self.send_signals(now);
        }
    }

    /// Forgets the signals that wait for somebody and belong to a connection that is gone.
    pub(crate) fn forget_signals(&mut self, to: &PeerId) {
        self.pace.forget(to);
    }

    fn send_signals(&mut self, now: Instant) {
        while let Some((to, signal)) = self.pace.pop(now) {
            let frame = ClientFrame::Send { to, data: Payload::Signal(signal), request_id: None };
            self.request(now, Origin::Room(RoomRequest::Unwatched), 0, frame);
        }
        if let Some(at) = self.pace.next() {
            self.timers.set(Timer::Pace, at);
        }
    }

    /// Sends a frame that is answered. `payload_bytes` counts towards the server's limit.
    fn request(
        &mut self,
        now: Instant,
        origin: Origin,
        payload_bytes: usize,
        mut frame: ClientFrame<Payload<V>>,
    ) {
        let Phase::Connected(socket) = self.phase else {
            self.done(origin, Err(CallError::NotConnected));
            return;
        };
        frame.set_request_id(self.requests.next_id());
        if payload_bytes > 0 {
            // The server measures the whole frame. One byte closes the object.
            let size = frame.head().0.len() + payload_bytes + 1;
            if size > self.max_message_size {
                self.done(origin, Err(CallError::Oversized { size, cap: self.max_message_size }));
                return;
            }
        }
        self.requests.insert(origin, now);
        self.rearm_acks();
        self.out.command(Command::SendFrame(socket, frame));
    }

    // ---- requests and replay

    fn answered(&mut self, now: Instant, origin: Origin, result: Result<(), CallError<V>>) {
        self.rearm_acks();
        match origin {
            Origin::Replay(channel) => {
                if result.is_err() && self.subscriptions.schedule_retry(&channel, now) {
                    self.log(Level::Warn, "a subscription is to be replayed again");
                    self.rearm_replays();
                }
            }
            origin => self.done(origin, result),
        }
    }

    fn expire_requests(&mut self, now: Instant) {
        while let Some((request_id, origin)) = self.requests.expired(now) {
            let timeout_ms = limits::ACK_TIMEOUT_MS;
            self.answered(now, origin, Err(CallError::AckTimeout { request_id, timeout_ms }));
        }
        self.rearm_acks();
    }

    fn rearm_acks(&mut self) {
        match self.requests.next_deadline() {
            Some(at) => self.timers.set(Timer::Acks, at),
            None => self.timers.stop(Timer::Acks),
        }
    }

    fn replay(&mut self, now: Instant, channel: Channel) {
        if let Some(metadata) = self.subscriptions.get(&channel) {
            let origin = Origin::Replay(channel.clone());
            let frame =
                ClientFrame::Subscribe { channel, request_id: None, include_sender_metadata: metadata };
            self.request(now, origin, 0, frame);
        }
    }

    fn retry_replays(&mut self, now: Instant) {
        while let Some(channel) = self.subscriptions.due_retry(now) {
            self.replay(now, channel);
        }
        self.rearm_replays();
    }

    fn rearm_replays(&mut self) {
        if let Some(at) = self.subscriptions.next_retry() {
            self.timers.set(Timer::Replay, at);
        }
    }

    // ---- small change

    fn socket(&self) -> Option<SocketId> {
        match self.phase {
            Phase::Opening(socket) | Phase::Connected(socket) => Some(socket),
            Phase::Down | Phase::FetchingToken(_) | Phase::Waiting => None,
        }
    }

    fn transition(&mut self, to: SignallingState) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            self.event(SignallingEvent::StateChange { from, to });
        }
    }

    fn command(&mut self, command: Command<V>) {
        self.out.command(command);
    }

    fn event(&mut self, event: SignallingEvent<V>) {
        match &mut self.news {
            Some(news) => news.push(News::Event(event)),
            None => self.out.event(Event::Signalling(event)),
        }
    }

    fn done(&mut self, origin: Origin, result: Result<(), CallError<V>>) {
        match (origin, &mut self.news) {
            (Origin::Call(call), _) => self.out.settle(call, result),
            (Origin::Room(request), Some(news)) => news.push(News::Done(request, result)),
            (Origin::Room(_), None) | (Origin::Replay(_), _) => {}
        }
    }

    fn log(&mut self, level: Level, message: &'static str) {
        self.out.log(level, message);
    }
}
