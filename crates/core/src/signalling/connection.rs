//! The life of a connection: token, socket, welcome, frames, silence, close, and the way back.

use metered_protocol::{
    ClientRequest, CloseCode, ErrorCode, Retry, Secret, ServerFrame, ServerUrl, Value, Welcome, read_number,
};

use super::liveness::Verdict;
use super::pace::Pace;
use super::subscriptions::Answer;
use super::{Closing, Phase, Session, Signalling};
use crate::config::Credential;
use crate::ids::{OperationId, SocketId};
use crate::input::{SocketEvent, TokenFailure};
use crate::output::{CallError, Command, Connected, FrameText, Level, SignallingEvent, SignallingState};
use crate::timers::Timer;
use crate::{Instant, limits};

impl<V: Value> Signalling<V> {
    pub(crate) fn handle_token(
        &mut self,
        now: Instant,
        op: OperationId,
        token: Result<Secret, TokenFailure<V>>,
    ) {
        if self.fetching == Some(op) {
            self.take_token(now, token);
        }
    }

    /// The token that was asked for is here, to connect with or to come back with in time; or it is not to be had.
    fn take_token(&mut self, now: Instant, token: Result<Secret, TokenFailure<V>>) {
        self.fetching = None;
        self.timers.stop(Timer::TokenProvider);
        let is_connected = self.phase == Phase::Connected;
        let failure = match token {
            Ok(token) if token.expose().is_empty() => TokenFailure::NotAToken,
            Ok(token) => {
                self.token_failures = 0;
                return match is_connected {
                    true => self.renewed(now, token),
                    false => self.open(now, self.config.url.with_token(&token)),
                };
            }
            Err(failure) => failure,
        };
        if is_connected {
            self.count_token_failure(failure);
            self.renewal_failed(now);
        } else {
            self.token_failed(now, failure);
        }
    }

    pub(crate) fn handle_socket(&mut self, now: Instant, socket: SocketId, event: SocketEvent<V>) {
        if let SocketEvent::Closed { .. } = event {
            self.finish_closing(Some(socket), Instant::default());
        }
        if self.socket != Some(socket) {
            return;
        }
        match event {
            SocketEvent::Closed { code, reason } => self.handle_closed(now, code, reason),
            SocketEvent::Garbage => {
                self.heard(now);
                self.lose_count();
                self.log(Level::Warn, "dropped a frame that is no JSON text");
            }
            SocketEvent::Frame(frame) => {
                self.heard(now);
                // A client without a room shows the frame and knows nobody.
                let parsed = match self.news {
                    Some(_) => ServerFrame::parse(&frame),
                    None => ServerFrame::parse_without_peers(&frame),
                };
                match parsed {
                    Ok(parsed) => self.handle_frame(now, parsed, frame),
                    Err(_) => {
                        self.lose_count();
                        self.log(Level::Warn, "dropped a malformed frame");
                    }
                }
            }
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                Timer::TokenProvider => self.take_token(now, Err(TokenFailure::TimedOut)),
                Timer::Welcome => self.give_up(now, "no welcome"),
                Timer::Backoff => self.attempt(now),
                Timer::Liveness => self.check_liveness(now),
                Timer::Acks => self.expire_requests(now),
                Timer::Replay => self.retry_replays(now),
                Timer::Refresh => self.handle_refresh_timer(now),
                Timer::Pace => self.send_signals(now),
            }
        }
        self.finish_closing(None, now);
    }

    /// Tells those who wait for a socket that is closed, or whose time is up.
    fn finish_closing(&mut self, closed: Option<SocketId>, now: Instant) {
        let is_over = |closing: &Closing| Some(closing.socket) == closed || closing.deadline <= now;
        while let Some(at) = self.closing.iter().position(is_over) {
            let origin = self.closing.remove(at).origin;
            self.done(origin, Ok(()));
        }
    }

    pub(super) fn attempt(&mut self, now: Instant) {
        self.transition(match self.connecting {
            Some(_) => SignallingState::Connecting,
            None => SignallingState::Reconnecting,
        });
        match &self.config.credential {
            Credential::ApiKey(key) => self.open(now, self.config.url.with_key(key)),
            Credential::TokenProvider => {
                self.phase = Phase::FetchingToken;
                self.fetch_token(now);
            }
        }
    }

    pub(super) fn fetch_token(&mut self, now: Instant) {
        let op = OperationId::next(&mut self.last_id);
        self.timers.set(Timer::TokenProvider, now.after(self.config.token_provider_timeout_ms));
        self.fetching = Some(op);
        self.command(Command::FetchToken(op));
    }

    pub(super) fn open(&mut self, now: Instant, mut url: Secret) {
        if let Some(session) = &self.session {
            url = ServerUrl::resuming(&url, &session.token, session.seen);
        }
        let socket = SocketId::next(&mut self.last_id);
        (self.phase, self.socket) = (Phase::Opening, Some(socket));
        self.timers.set(Timer::Welcome, now.after(limits::WELCOME_TIMEOUT_MS));
        self.command(Command::OpenSocket(socket, url));
    }

    /// Takes a frame, which as it came is `raw`.
    fn handle_frame(&mut self, now: Instant, frame: ServerFrame<V>, raw: V) {
        match (self.phase, frame) {
            (Phase::Opening, ServerFrame::Welcome(welcome)) => self.handle_welcome(now, welcome),
            (Phase::Opening, _) => self.log(Level::Warn, "ignored a frame before the welcome"),
            (_, ServerFrame::Welcome(_)) => self.log(Level::Warn, "ignored a second welcome"),
            (_, ServerFrame::Ack { request_id }) => {
                let Some(number) = read_number(request_id.as_str()) else { return };
                match self.requests.take(number) {
                    Some(request) => {
                        self.latency_ms = Some(request.age(now));
                        self.answered(now, request, Ok(()));
                    }
                    None => self.learn(now, number, Answer::Agreed),
                }
            }
            (_, ServerFrame::Error(error)) => {
                let id = error.request_id.as_ref();
                let number = id.and_then(|id| read_number(id.as_str()));
                if let Some(request) = number.and_then(|number| self.requests.take(number)) {
                    return self.answered(now, request, Err(CallError::Server(error)));
                }
                if let Some(number) = number {
                    self.learn(now, number, Answer::Refused);
                }
                // The answer to a ping, from a server that has none.
                if id.is_some() || error.code != ErrorCode::UNKNOWN_TYPE {
                    self.event(SignallingEvent::ServerError(error));
                }
            }
            (_, ServerFrame::Message(message)) => {
                self.count_frame();
                self.event(SignallingEvent::Message { message, frame: raw });
            }
            (_, ServerFrame::Presence { channel, joined, left }) => {
                self.count_frame();
                self.event(SignallingEvent::Presence { channel, joined, left, frame: raw });
            }
            (_, ServerFrame::GoingAway { retry_after_ms }) => {
                self.event(SignallingEvent::GoingAway { retry_after_ms });
            }
            (_, ServerFrame::Pong) => {
                if self.pinged != Instant::NEVER {
                    self.latency_ms = Some(now.since(self.pinged));
                    self.pinged = Instant::NEVER;
                }
            }
            (_, ServerFrame::Unknown) => self.log(Level::Debug, "ignored a frame of an unknown type"),
        }
    }

    /// A frame has arrived of those that the server repeats if they are lost.
    fn count_frame(&mut self) {
        if let Some(session) = &mut self.session {
            session.seen = session.seen.saturating_add(1);
        }
    }

    /// What was dropped may have been one of those. A count that is out of reach keeps the identity, and claims nothing.
    fn lose_count(&mut self) {
        if let Some(session) = &mut self.session {
            session.seen = u64::MAX;
        }
    }

    /// There is reason to doubt the connection, or hope for one.
    pub(crate) fn check_link(&mut self, now: Instant) {
        if let Some(socket) = self.connected()
            && self.liveness.doubt(now)
        {
            self.ping(now, socket);
            self.rearm_liveness();
        } else if self.phase == Phase::Waiting {
            self.timers.stop(Timer::Backoff);
            self.attempt(now);
        }
    }

    fn ping(&mut self, now: Instant, socket: SocketId) {
        self.pinged = self.pinged.min(now);
        self.command(Command::SendFrame(
            socket,
            FrameText { head: ClientRequest::Ping.head(None), payload: None },
        ));
    }

    fn heard(&mut self, now: Instant) {
        if self.liveness.heard(now) {
            // Not at the end of the doubt: a check that comes after its time is taken for a late one.
            self.rearm_liveness();
        }
    }

    fn rearm_liveness(&mut self) {
        self.timers.set(Timer::Liveness, self.liveness.next_check());
    }

    fn handle_welcome(&mut self, now: Instant, welcome: Welcome<V>) {
        self.timers.stop(Timer::Welcome);
        self.phase = Phase::Connected;
        self.attempts = 0;
        self.delay_floor_ms = 0;
        self.max_message_size = welcome.max_message_size as usize;
        self.peer_id = Some(welcome.peer_id.clone());
        self.liveness.start(now);
        self.rearm_liveness();
        self.pinged = Instant::NEVER;
        self.plan_refresh(now, &welcome);
        let seen = self.session.take().filter(|_| welcome.resumed).map_or(0, |session| session.seen);
        if !welcome.resumed {
            // To the server it is a resumed one that we have sent to before.
            self.pace = Pace::new();
            self.pace.start(now);
        }
        self.session = welcome.resume.clone().map(|resume| Session { token: resume.token, seen });
        self.transition(SignallingState::Connected);
        let connecting = self.connecting.take();
        let is_reconnect = connecting.is_none();
        if let Some(origin) = connecting {
            self.done(origin, Ok(()));
        }
        let resumed = welcome.resumed;
        self.event(SignallingEvent::Connected(Connected { welcome, is_reconnect }));
        self.subscriptions.start_replay(now, resumed, self.config.auto_resubscribe);
        self.retry_replays(now);
        self.send_signals(now);
    }

    /// Leaves a socket that does not answer, without waiting for it to notice.
    fn give_up(&mut self, now: Instant, reason: &str) {
        if let Some(socket) = self.socket {
            let code = CloseCode::CLIENT_INACTIVITY;
            self.close_socket(socket, code, reason);
            self.handle_closed(now, code, reason.to_owned());
        }
    }

    fn handle_closed(&mut self, now: Instant, code: CloseCode, reason: String) {
        self.leave_connection();
        if let Some(origin) = self.connecting.take() {
            self.transition(SignallingState::Closed);
            self.done(origin, Err(CallError::Connect(code, reason)));
            return;
        }
        let retry = code.retry();
        if let Retry::BackoffWithFloor(floor) = retry {
            self.delay_floor_ms = floor;
        }
        let delay = if retry == Retry::Never { None } else { self.next_delay() };
        self.disconnected(code, reason, delay.is_some());
        self.wait_or_end(now, delay);
    }

    fn token_failed(&mut self, now: Instant, failure: TokenFailure<V>) {
        self.phase = Phase::Down;
        self.count_token_failure(failure.clone());
        if let Some(origin) = self.connecting.take() {
            self.transition(SignallingState::Closed);
            self.done(origin, Err(CallError::Token(failure)));
            return;
        }
        let delay = self.next_delay();
        if delay.is_none() {
            self.disconnected(CloseCode::ABNORMAL, "token provider failed".to_owned(), false);
        }
        self.wait_or_end(now, delay);
    }

    /// Tells the application of a token provider that keeps failing.
    fn count_token_failure(&mut self, failure: TokenFailure<V>) {
        self.token_failures += 1;
        let consecutive_failures = self.token_failures;
        if consecutive_failures >= limits::TOKEN_FAILURES_BEFORE_EVENT {
            self.event(SignallingEvent::TokenProviderError { consecutive_failures, failure });
        }
    }

    /// The delay before the next attempt, or `None` when there is none.
    fn next_delay(&mut self) -> Option<u64> {
        let reconnect = self.config.reconnect?;
        if f64::from(self.attempts) >= reconnect.max_attempts {
            return None;
        }
        self.attempts += 1;
        Some(reconnect.delay_ms(self.attempts, self.delay_floor_ms, self.rng.f64()))
    }

    fn wait_or_end(&mut self, now: Instant, delay: Option<u64>) {
        match delay {
            Some(delay) => {
                let may_hurry = std::mem::take(&mut self.delay_floor_ms) == 0;
                self.phase = if may_hurry { Phase::Waiting } else { Phase::HeldOff };
                self.timers.set(Timer::Backoff, now.after(delay));
                self.transition(SignallingState::Reconnecting);
            }
            None => {
                self.end_session();
                self.transition(SignallingState::Closed);
            }
        }
    }

    /// Nothing will be resumed.
    pub(super) fn end_session(&mut self) {
        self.session = None;
        self.pace = Pace::new();
    }

    /// Ends everything that belongs to the present connection or attempt.
    pub(super) fn leave_connection(&mut self) {
        (self.phase, self.socket) = (Phase::Down, None);
        self.fetching = None;
        self.timers.clear();
        self.refresh.stop();
        self.pace.interrupt();
        for request in self.requests.take_all() {
            self.done(request.origin, Err(CallError::Disconnected));
        }
    }

    fn check_liveness(&mut self, now: Instant) {
        let Some(socket) = self.connected() else { return };
        match self.liveness.check(now) {
            Verdict::Dead => {
                self.give_up(now, "inactivity timeout");
                return;
            }
            Verdict::Probe => self.ping(now, socket),
            Verdict::Alive => {}
        }
        self.rearm_liveness();
    }
}
