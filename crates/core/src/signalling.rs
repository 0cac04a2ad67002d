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
//! Six rooms belong to it: [`requests`] pairs frames with their answers, [`subscriptions`] remembers what to
//! replay, [`liveness`] decides when silence is too long, [`refresh`] renews tokens before they expire, [`pace`] holds
//! signals back, and `Reconnect` in the configuration computes the backoff.

mod connection;
mod liveness;
mod pace;
mod refresh;
mod requests;
mod subscriptions;

use fastrand::Rng;
use metered_protocol::{Channel, ClientRequest, CloseCode, PeerId, RequestId, Secret, Signal, Value};

use crate::config::Config;
use crate::ids::{CallId, OperationId, SocketId};
use crate::input::Measured;
use crate::output::{
    CallError, Command, Event, FrameText, JsonText, Level, SignallingEvent, SignallingState,
};
use crate::timers::{Timer, Timers};
use crate::{Instant, Outbox, limits};
use liveness::Liveness;
use pace::Pace;
use refresh::Refresh;
use requests::{Number, Request, Requests};
use subscriptions::{Answer, Subscriptions, Wish};

/// Who is waiting for a request's answer, or for `connect()` or `close()` to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The application.
    Call(CallId),
    /// The supervisor itself, replaying a subscription.
    Replay,
    /// The supervisor itself, sending a signal.
    Signal,
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

/// What a request carries.
enum Payload<V> {
    Nothing,
    /// JSON text.
    Signal(String),
    User(Measured<V>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection, and none wanted. `idle` or `closed`.
    Down,
    /// Waiting for a token.
    FetchingToken,
    /// Waiting for the welcome.
    Opening,
    /// Welcomed.
    Connected,
    /// Waiting for the backoff to end, which may be cut short.
    Waiting,
    /// The same, where the server asked for it.
    HeldOff,
}

/// What the server said to resume by.
#[derive(Debug)]
struct Session {
    token: Secret,
    /// How many `message`, `direct` and `presence` frames have arrived in it.
    seen: u64,
}

#[derive(Debug)]
pub(crate) struct Signalling<V> {
    config: Config,
    rng: Rng,
    phase: Phase,
    /// The socket of the phase: while `Opening` and `Connected`.
    socket: Option<SocketId>,
    state: SignallingState,
    peer_id: Option<PeerId>,
    max_message_size: usize,
    /// Who called `connect()`, until the first attempt ends.
    connecting: Option<Origin>,
    /// Attempts since the last welcome.
    attempts: u32,
    /// A delay that the last close code demands.
    delay_floor_ms: u64,
    /// The token that is asked for, to connect or, once connected, to come back with.
    fetching: Option<OperationId>,
    token_failures: u32,
    /// Sockets that `close()` closed, and who waits for them.
    closing: Vec<Closing>,
    session: Option<Session>,
    requests: Requests,
    subscriptions: Subscriptions,
    liveness: Liveness,
    refresh: Refresh,
    /// The latest round trip to the server, in milliseconds.
    latency_ms: Option<u64>,
    /// When the ping was sent that no pong has answered yet; [`Instant::NEVER`] if all are.
    pinged: Instant,
    pace: Pace,
    timers: Timers,
    last_id: u32,
    /// What is to be done. The room puts its own here too, so that there is one order.
    pub(crate) out: Outbox<V>,
    /// What the room has not heard yet; `None` without a room, when the application hears everything.
    news: Option<Vec<News<V>>>,
}

/// A socket that `close()` closed, and who waits for that.
#[derive(Debug)]
struct Closing {
    socket: SocketId,
    origin: Origin,
    /// When it is told, closed or not.
    deadline: Instant,
}

impl<V: Value> Signalling<V> {
    pub(crate) fn new(config: Config, seed: u64, has_room: bool) -> Self {
        Self {
            liveness: Liveness::new(config.inactivity_timeout_ms),
            config,
            rng: Rng::with_seed(seed),
            phase: Phase::Down,
            socket: None,
            state: SignallingState::Idle,
            peer_id: None,
            max_message_size: limits::MAX_MESSAGE_SIZE as usize,
            connecting: None,
            attempts: 0,
            delay_floor_ms: 0,
            fetching: None,
            token_failures: 0,
            closing: Vec::new(),
            session: None,
            requests: Requests::default(),
            subscriptions: Subscriptions::default(),
            refresh: Refresh::default(),
            latency_ms: None,
            pinged: Instant::NEVER,
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

    pub(crate) fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    /// The latest round trip to the server, in milliseconds.
    pub(crate) fn latency_ms(&self) -> Option<u64> {
        self.latency_ms
    }

    /// Takes what the room has not heard yet.
    pub(crate) fn take_news(&mut self) -> Vec<News<V>> {
        self.news.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.closing.iter().fold(self.timers.next(), |next, closing| next.min(closing.deadline))
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
        if let Some(&Closing { socket, deadline, .. }) = self.closing.last()
            && self.phase == Phase::Down
        {
            self.closing.push(Closing { socket, origin, deadline });
            return;
        }
        let socket = self.socket;
        let first_attempt = self.connecting.take();
        let disconnects = socket.is_some() && first_attempt.is_none();
        if let Some(connecting) = first_attempt {
            self.done(connecting, Err(CallError::Closed));
        }
        self.leave_connection();
        self.subscriptions.clear();
        self.end_session();
        self.transition(SignallingState::Closed);
        if disconnects {
            self.disconnected(code, reason.to_owned(), false);
        }
        match socket {
            None => self.done(origin, Ok(())),
            Some(socket) => {
                let deadline = now.after(limits::CLOSE_FLUSH_MS);
                self.closing.push(Closing { socket, origin, deadline });
                self.close_socket(socket, code, reason);
            }
        }
    }

    /// Whether this call is the connect under way.
    pub(crate) fn is_connecting(&self, call: CallId) -> bool {
        self.connecting == Some(Origin::Call(call))
    }

    /// Closes a connection that nobody wants any more before it was of use.
    pub(crate) fn give_up_connecting(&mut self, now: Instant) {
        self.close(now, Origin::Room(RoomRequest::Unwatched), CloseCode::NORMAL, "aborted");
    }

    pub(crate) fn subscribe(&mut self, now: Instant, origin: Origin, channel: Channel, metadata: bool) {
        self.ask(now, origin, channel, Some(metadata));
    }

    pub(crate) fn unsubscribe(&mut self, now: Instant, origin: Origin, channel: Channel) {
        self.ask(now, origin, channel, None);
    }

    /// Asks the server for a subscription or the end of one. What the application wants is remembered before the frame
    /// leaves, so that a drop between the two cannot lose it; without a connection, only that something is given up.
    fn ask(&mut self, now: Instant, origin: Origin, channel: Channel, wish: Wish) {
        if self.state == SignallingState::Connected {
            self.subscriptions.request(&channel, wish, self.requests.next());
        } else if wish.is_none() {
            self.subscriptions.give_up(&channel);
        }
        self.request_about(now, origin, channel, wish);
    }

    fn request_about(&mut self, now: Instant, origin: Origin, channel: Channel, wish: Wish) {
        let request = match wish {
            Some(include_sender_metadata) => ClientRequest::Subscribe(&channel, include_sender_metadata),
            None => ClientRequest::Unsubscribe(&channel),
        };
        self.request(now, origin, request, Payload::Nothing);
    }

    pub(crate) fn publish(&mut self, now: Instant, origin: Origin, channel: &Channel, data: Measured<V>) {
        self.request(now, origin, ClientRequest::Publish(channel), Payload::User(data));
    }

    pub(crate) fn send(&mut self, now: Instant, origin: Origin, to: &PeerId, data: Measured<V>) {
        self.request(now, origin, ClientRequest::Send(to), Payload::User(data));
    }

    /// Sends a signal of the negotiation, when it is its turn. Without a connection it waits for the session to be
    /// resumed; where there is none it is dropped, and the peers negotiate anew. A description that
    /// `gathers` takes candidates of ours along.
    pub(crate) fn send_signal(&mut self, now: Instant, to: PeerId, signal: Signal<JsonText>, gathers: bool) {
        if self.state == SignallingState::Connected || self.session.is_some() {
            if !self.pace.push(now, to, signal, gathers) {
                self.log(Level::Warn, "dropped a signal: too many wait to leave");
            }
            self.send_signals(now);
        }
    }

    /// Forgets the signals that wait for somebody and belong to a connection that is gone.
    pub(crate) fn forget_signals(&mut self, to: &PeerId) {
        self.pace.forget(to);
    }

    /// Forgets an offer that waits for somebody and was taken back: late, it would be an offer that nobody stands by.
    pub(crate) fn forget_offer(&mut self, to: &PeerId, and_candidates: bool) {
        self.pace.forget_offer(to, and_candidates);
    }

    fn send_signals(&mut self, now: Instant) {
        if self.state != SignallingState::Connected {
            return;
        }
        loop {
            let number = self.requests.next();
            let Some((to, text)) = self.pace.pop(now, number, self.session.is_some()) else { break };
            self.request(now, Origin::Signal, ClientRequest::Send(&to), Payload::Signal(text));
            // One that is too long does not leave.
            if self.requests.next() == number {
                self.pace.refused(number);
            }
        }
        self.timers.set(Timer::Pace, self.pace.next());
    }

    /// Sends a frame that is answered.
    fn request(&mut self, now: Instant, origin: Origin, request: ClientRequest<'_>, payload: Payload<V>) {
        let Some(socket) = self.connected() else {
            self.done(origin, Err(CallError::NotConnected));
            return;
        };
        let mut head = request.head(Some(&RequestId::numbered(self.requests.next())));
        let (size, payload) = match payload {
            Payload::Nothing => (0, None),
            Payload::Signal(text) => {
                head.push_str(&text);
                head.push('}');
                (head.len(), None)
            }
            // The server measures the whole frame. One byte closes the object.
            Payload::User(data) => (data.bytes.saturating_add(head.len() + 1), Some(data.value)),
        };
        if size > self.max_message_size {
            self.done(origin, Err(CallError::Oversized { size, cap: self.max_message_size }));
            return;
        }
        self.requests.insert(origin, now);
        self.rearm_acks();
        self.out.command(Command::SendFrame(socket, FrameText { head, payload }));
    }

    // ---- requests and replay

    fn answered(&mut self, now: Instant, request: Request, result: Result<(), CallError<V>>) {
        let Request { number, origin, .. } = request;
        if origin == Origin::Signal {
            match &result {
                Err(CallError::AckTimeout { .. }) => self.pace.overdue(number),
                _ => self.pace.answered(number),
            }
        }
        let answer = match (&result, &origin) {
            (Ok(()), _) => Answer::Agreed,
            (Err(_), Origin::Replay) => Answer::Failed,
            (Err(CallError::Server(_)), _) => Answer::Refused,
            (Err(_), _) => Answer::Unknown,
        };
        self.learn(now, number, answer);
        self.done(origin, result);
        self.rearm_acks();
        self.replace_if_idle(now);
    }

    /// Takes note of what an answer says about a subscription, if its request was about one.
    fn learn(&mut self, now: Instant, request: Number, answer: Answer) {
        if self.subscriptions.answered(request, answer, now) {
            self.log(Level::Warn, "a subscription is to be replayed again");
            self.rearm_replays();
        }
    }

    fn expire_requests(&mut self, now: Instant) {
        while let Some(request) = self.requests.expired(now) {
            let (request_id, timeout_ms) = (request.id(), limits::ACK_TIMEOUT_MS);
            self.answered(now, request, Err(CallError::AckTimeout { request_id, timeout_ms }));
        }
        self.rearm_acks();
    }

    fn rearm_acks(&mut self) {
        self.timers.set(Timer::Acks, self.requests.next_deadline());
    }

    fn replay(&mut self, now: Instant, channel: Channel, wish: Wish) {
        self.subscriptions.replaying(&channel, self.requests.next());
        self.request_about(now, Origin::Replay, channel, wish);
    }

    fn retry_replays(&mut self, now: Instant) {
        while let Some((channel, wish)) = self.subscriptions.due_retry(now) {
            self.replay(now, channel, wish);
        }
        self.rearm_replays();
    }

    fn rearm_replays(&mut self) {
        self.timers.set(Timer::Replay, self.subscriptions.next_retry());
    }

    // ---- small change

    /// The socket, once welcomed.
    fn connected(&self) -> Option<SocketId> {
        self.socket.filter(|_| self.phase == Phase::Connected)
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

    fn close_socket(&mut self, socket: SocketId, code: CloseCode, reason: &str) {
        self.command(Command::CloseSocket(socket, code, reason.to_owned()));
    }

    fn disconnected(&mut self, code: CloseCode, reason: String, will_reconnect: bool) {
        self.event(SignallingEvent::Disconnected { code, reason, will_reconnect });
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
            // It would cost the connection, here and again after each reconnect.
            (Origin::Signal, _) if matches!(result, Err(CallError::Oversized { .. })) => {
                self.log(Level::Warn, "dropped a signal: it is longer than the server takes");
            }
            (Origin::Room(_), None) | (Origin::Replay | Origin::Signal, _) => {}
        }
    }

    fn log(&mut self, level: Level, message: &'static str) {
        self.out.log(level, message);
    }
}
