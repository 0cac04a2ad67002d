//! One client: a core, the driver that keeps its contract, an application on top, and a watch over all of it.
//!
//! There are two kinds. A [`Role::Peer`] is what stands behind a `MeteredPeer`: it joins the world's room and opens
//! data channels to everybody. A [`Role::Client`] is a bare `SignallingClient` that subscribes and publishes.

mod driver;
mod peer;
mod python;
mod sleep;
mod subscriber;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metered_core::{
    Call, CallId, Config, ConnectionEvent, ConnectionId, ConnectionState, Core, Credential, Input, Instant,
    Measured, OperationId, RoomState, SignallingState, SocketEvent, SocketId, TokenFailure,
};
use metered_protocol::{Channel, CloseCode, PeerId, Secret, ServerUrl, Signal};
use serde_json::{Value as Json, json};

use crate::app::{App, method};
use crate::kernel::{Kernel, Who};
use crate::network::{LinkId, Network};
use crate::plan::{ClientPlan, Habits, Login, Plan, Role, Sdk};
use crate::server::{BAD_TOKEN, token};
use crate::watch::Watch;
use crate::webrtc::{PcId, Webrtc};
use python::PythonConnection;
pub use python::Tick;
use sleep::Sleep;

/// The world around the clients.
#[derive(Debug)]
pub struct Outside {
    /// Time, chance and the record.
    pub kernel: Kernel,
    /// The sockets.
    pub network: Network,
    /// The peer connections.
    pub webrtc: Webrtc,
    /// The world's knobs.
    pub plan: Plan,
    /// Faults strike.
    pub troubled: bool,
    /// Applications do this and that.
    pub busy: bool,
    /// Everybody is with everybody, and nothing shall go wrong any more.
    pub settled: bool,
    /// Tells what a core's work takes, where somebody wants to know: no world depends on it.
    pub clock: fn() -> Duration,
}

/// What a client's core has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Inputs that it was given.
    pub inputs: u64,
    /// Outputs that it has answered.
    pub outputs: u64,
    /// How long both took it, by [`Outside::clock`].
    pub time: Duration,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its name.
    pub who: Who,
    /// Its core.
    pub core: Core<Json>,
    /// What that has done.
    pub cost: Cost,
    /// The watch over it.
    pub watch: Watch,
    role: Role,
    plan: ClientPlan,
    channel: Channel,
    app: App,
    links: BTreeMap<SocketId, LinkId>,
    connections: BTreeMap<ConnectionId, PcId>,
    /// What the Python SDK makes of them; empty in other clients.
    python: BTreeMap<ConnectionId, PythonConnection>,
    /// Peers that presence has told a bare client of.
    acquaintances: Vec<PeerId>,
    calls: u32,
    polling: bool,
    /// Wakes that are under way.
    wakes: BTreeSet<Instant>,
    /// The latest question to the token provider.
    fetching: Option<Fetch>,
    /// A token that the provider answered with before, and its end.
    cached: Option<(String, Instant)>,
    /// Messages that the last frame has let surface.
    pub surfaced: Vec<Json>,
    /// What happens while its page sleeps.
    pub sleep: Sleep,
}

/// A question to the token provider.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    op: OperationId,
    at: Instant,
    /// It is asked on behalf of a connection that stands.
    is_renewal: bool,
    /// The page has slept since.
    slept: bool,
}

impl Client {
    /// A client that does nothing yet.
    pub fn new(seed: u64, who: Who, world: &Plan, channel: Channel) -> Self {
        let (role, plan) = (world.role, world.clients[who.client].clone());
        let credential = match plan.login {
            Login::Key => Credential::ApiKey(Secret::new("pk_live_dev")),
            Login::Token(_) => Credential::TokenProvider,
        };
        let url = ServerUrl::parse("wss://server.test").expect("an address");
        let Habits { reconnect, inactivity_ms, auto_resubscribe, refresh_ms, .. } = plan.habits;
        let config = Config {
            reconnect,
            inactivity_timeout_ms: inactivity_ms,
            auto_resubscribe,
            refresh_before_expiry_ms: refresh_ms,
            ..Config::new(url, credential)
        };
        Self {
            who,
            core: match role {
                Role::Peer => Core::room(config, seed),
                Role::Client => Core::signalling(config, seed),
            },
            cost: Cost::default(),
            watch: Watch::new(role, &plan, world.lateness),
            role,
            plan,
            app: App::new(who, channel.clone()),
            channel,
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            python: BTreeMap::new(),
            acquaintances: Vec::new(),
            calls: 0,
            polling: false,
            wakes: BTreeSet::new(),
            fetching: None,
            cached: None,
            surfaced: Vec::new(),
            sleep: Sleep::default(),
        }
    }

    // ---- what happens to it

    /// The application connects or joins, if it is not at it already.
    pub fn begin(&mut self, out: &mut Outside) {
        if self.is_idle() {
            let call = match self.role {
                Role::Peer => self.app.join(),
                Role::Client => Call::Connect,
            };
            self.call(out, call);
        }
    }

    /// Whether nothing is under way. A `SignallingClient` that is closed may be used again.
    fn is_idle(&self) -> bool {
        match self.role {
            Role::Peer => self.core.room_state() == RoomState::Idle,
            Role::Client => {
                matches!(self.core.signalling_state(), SignallingState::Idle | SignallingState::Closed)
            }
        }
    }

    /// Whether its life is over.
    pub fn is_closed(&self) -> bool {
        match self.role {
            Role::Peer => self.core.room_state() == RoomState::Closed,
            Role::Client => self.core.signalling_state() == SignallingState::Closed,
        }
    }

    /// The application does something.
    pub fn act(&mut self, out: &mut Outside) {
        match (out.kernel.dice.below(20), self.role) {
            (0..2, _) => self.spurious_timeout(out),
            (2..5, Role::Peer) => self.add_media(out),
            (2..4, Role::Client) => self.check_link(out),
            (4..7, Role::Client) => self.waver(out),
            _ => self.call_something(out),
        }
    }

    /// The page is visible again, or the network is back.
    pub fn check_link(&mut self, out: &mut Outside) {
        out.kernel.note(format_args!("{} checks its link", self.who));
        self.watch.silence.doubted(out.kernel.now);
        self.watch.backoff.hurried(out.kernel.now, out.plan.lateness);
        self.input(out, Input::CheckLink);
    }

    fn call_something(&mut self, out: &mut Outside) {
        let may_close = out.busy && out.plan.comings_and_goings;
        let call = match self.role {
            Role::Peer => self.something_to_do_in_a_room(out, may_close),
            Role::Client => self.something_to_do_with_channels(out, may_close),
        };
        self.call(out, call);
    }

    /// Whether it has the Python SDK.
    pub fn is_python(&self) -> bool {
        self.plan.sdk == Sdk::Python
    }

    /// The application calls a method.
    pub fn call(&mut self, out: &mut Outside, call: Call<Json>) {
        let id = CallId::take(&mut self.calls);
        let name = method(&call);
        out.kernel.note(format_args!("{} -> {name}() call {}", self.who, id.0));
        self.watch.calls.called(out.kernel.now, id, name);
        match &call {
            Call::Join { .. } | Call::Connect if self.is_idle() => {
                self.watch.backoff.begin();
                self.watch.connections.begin();
            }
            Call::Close { .. } => {
                // From inside a handler, an attempt may stand in the core's outputs already; those that the close
                // leads to say when it is over.
                if !self.polling {
                    self.watch.backoff.end();
                    self.watch.connections.closing(self.watch.sockets.has_one());
                }
                self.watch.wishes.forget();
            }
            Call::Subscribe { channel, include_sender_metadata } => {
                self.watch.wishes.called(id, channel, Some(*include_sender_metadata));
            }
            Call::Unsubscribe { channel } => {
                self.watch.wishes.called(id, channel, None);
                self.watch.presence.gave_up(channel);
            }
            _ => {}
        }
        self.input(out, Input::Call(id, call));
    }

    /// Says something that no other message says, to one peer or to a channel.
    pub fn say(&mut self, out: &mut Outside, to: Option<&PeerId>, channel: &Channel) -> Json {
        let data = self.app.message();
        let value = data.value.clone();
        let call = match (to, self.role) {
            (Some(to), _) => Call::SendTo { to: to.clone(), data },
            (None, Role::Peer) => Call::Broadcast { data },
            (None, Role::Client) => Call::Publish { channel: channel.clone(), data },
        };
        self.call(out, call);
        value
    }

    /// A timer rings.
    pub fn wake(&mut self, out: &mut Outside, due: Instant) {
        self.wakes.remove(&due);
        self.input(out, Input::Timeout);
    }

    /// The token provider answers.
    pub fn token(&mut self, out: &mut Outside, op: OperationId, too_late: bool) {
        let Login::Token(sub) = self.plan.login.clone() else { return };
        if too_late {
            // After a sleep it might come in time, since the core's clock has slept too.
            if self.fetching.is_some_and(|fetch| fetch.op == op && fetch.slept) {
                return;
            }
            self.input(out, Input::Token(op, Ok(Secret::new(token(&sub, None)))));
            return;
        }
        let dice = &mut out.kernel.dice;
        let answer = if out.troubled && dice.percent(out.plan.token_failures) {
            match dice.below(4) {
                0 => Ok(Secret::new("")),
                1 => Ok(Secret::new(BAD_TOKEN)),
                2 => Err(TokenFailure::NotAToken),
                _ => Err(TokenFailure::Threw(Json::from("no token today"))),
            }
        } else {
            // Tokens end before faults do, so that quiet worlds stay quiet.
            let end = out.kernel.now.0 + dice.between((5_000, 120_000));
            let ends = dice.percent(50) && out.troubled;
            let end = if ends && end < out.plan.quiet_at { Some(end) } else { None };
            let fresh = (token(&sub, end), Instant(end.unwrap_or_default()));
            let cached = self.cached.take().filter(|(_, end)| out.kernel.now.after(1_000) < *end);
            let (token, end) = cached.unwrap_or(fresh);
            self.cached = self.plan.habits.caches_token.then(|| (token.clone(), end));
            Ok(Secret::new(token))
        };
        let usable = matches!(&answer, Ok(token) if !token.expose().is_empty());
        if let Some(Fetch { is_renewal, .. }) = self.fetching.take_if(|fetching| fetching.op == op) {
            if is_renewal {
                self.watch.tokens.answered(&mut out.kernel, usable);
            } else if !usable {
                self.watch.backoff.lost(out.kernel.now, CloseCode::ABNORMAL);
            }
        }
        out.kernel.note(format_args!("{} <= token, usable: {usable}", self.who));
        self.input(out, Input::Token(op, answer));
    }

    /// A frame has come.
    pub fn frame(&mut self, out: &mut Outside, socket: SocketId, text: &str) {
        out.kernel.note(format_args!("{} <= {text}", self.who));
        match serde_json::from_str::<Json>(text) {
            Ok(mut frame) => {
                if self.plan.sdk != Sdk::Ours
                    && let Some(welcome) = frame.as_object_mut()
                {
                    welcome.remove("resume");
                }
                if self.watch.sockets.listens(socket) {
                    if frame["type"] == "welcome"
                        && out.plan.has_python()
                        && self.core.peer_id().is_some_and(|own| frame["peerId"] != *own.as_str())
                    {
                        out.kernel.saw("new name with Python");
                    }
                    self.watch.frame(
                        &mut out.kernel,
                        out.plan.lateness,
                        socket,
                        &frame,
                        self.channel.as_str(),
                    );
                    self.hear_signal(out, &mut frame);
                }
                self.input(out, Input::Socket(socket, SocketEvent::Frame(frame)));
            }
            Err(_) => self.input(out, Input::Socket(socket, SocketEvent::Garbage)),
        }
    }

    /// In a client of the Python SDK signals are not the core's, which is told of a sign of life instead.
    fn hear_signal(&mut self, out: &mut Outside, frame: &mut Json) {
        if self.is_python()
            && frame["type"] == "direct"
            && let Ok(Some(signal)) = Signal::parse(&frame["data"])
            && let Some(from) = frame["from"].as_str().and_then(|id| PeerId::parse(id).ok())
        {
            self.python_signal(out, &from, signal);
            *frame = json!({ "type": "pong" });
        }
    }

    /// Sends a signal that is not the core's.
    fn send_signal(&mut self, out: &mut Outside, to: PeerId, data: Json) {
        let data = Measured { bytes: data.to_string().len(), value: data };
        self.call(out, Call::SendTo { to, data });
    }

    /// A frame has come that is none.
    pub fn garbage(&mut self, out: &mut Outside, socket: SocketId) {
        if self.watch.sockets.listens(socket) {
            self.watch.heard(&mut out.kernel);
        }
        self.input(out, Input::Socket(socket, SocketEvent::Garbage));
    }

    /// A socket reports its end.
    pub fn socket_closed(&mut self, out: &mut Outside, socket: SocketId, code: CloseCode, reason: &str) {
        self.watch.closed(&mut out.kernel, self.who, socket, code);
        let reason = reason.to_owned();
        self.input(out, Input::Socket(socket, SocketEvent::Closed { code, reason }));
    }

    /// A peer connection reports something.
    pub fn connection_event(
        &mut self,
        out: &mut Outside,
        (connection, pc): (ConnectionId, PcId),
        event: ConnectionEvent<Json>,
    ) {
        if let ConnectionEvent::State(state) = event {
            self.watch.remotes.connection_is(out.kernel.now, connection, state);
            if state == ConnectionState::Failed {
                out.kernel.saw("failed connection");
            }
        }
        out.kernel.note(format_args!("{} <= connection {} {event:?}", self.who, connection.0));
        if self.is_python() {
            return self.python_event(out, (connection, pc), event);
        }
        self.input(out, Input::Connection(connection, event));
    }

    /// The page is gone: no method is called, nothing is closed in order.
    pub fn vanish(&mut self, out: &mut Outside) {
        out.kernel.note(format_args!("{} vanishes", self.who));
        for link in self.links.values() {
            out.network.vanish(&mut out.kernel, *link);
        }
        for pc in self.connections.values() {
            out.webrtc.close(&mut out.kernel, *pc);
        }
    }

    /// Looks for what should have happened by now. Nothing happens to those who sleep.
    pub fn inspect(&self, kernel: &mut Kernel, lateness: u64) {
        if !self.sleep.is_deep() {
            self.watch.inspect(kernel, self.who, lateness);
        }
    }

    /// The link of the socket that the core listens to.
    pub fn link(&self) -> Option<LinkId> {
        let mut links = self.links.iter().rev();
        links.find(|(socket, _)| self.watch.sockets.listens(**socket)).map(|(_, link)| *link)
    }

    /// Looks for what should not be left when all is done.
    pub fn check_rest(&self, kernel: &mut Kernel, plan: &Plan) {
        // The Python SDK may be negotiating still, and does it by calls.
        if !self.watch.calls.is_empty() && !self.is_python() {
            let what = format!("{} has calls that wait", self.who);
            kernel.violated("every call settles exactly once, in time", what);
        }
        let (core, remotes) = (format!("{:?}", self.core), self.core.remotes().count());
        let (size, candidates) = (length_in_words(&core), core.matches(CANDIDATE).count());
        // Our own for what was said last, which may have to be said again.
        let most = usize::try_from(plan.candidates.1).map_or(0, |most| most * remotes);
        if size > 3_000 + 1_000 * remotes || candidates > most {
            let who = self.who;
            let what = format!(
                "{who} is {size} long in words, {candidates} of them candidates, with {remotes} remotes"
            );
            kernel.violated("nothing is kept for ever", what);
        }
    }

    /// The connection to a remote, as this client sees it.
    pub fn pc(&self, connection: ConnectionId) -> Option<PcId> {
        self.connections.get(&connection).copied()
    }
}

/// How a candidate begins where a core is shown.
const CANDIDATE: &str = "Candidate { ";

/// The length of what is kept, each description and each candidate counted as one word: how long one is, the application
/// and its network decide.
fn length_in_words(core: &str) -> usize {
    without(&without(core, "sdp: \"", '"'), CANDIDATE, '}').len()
}

/// A text without what is between an opening and the end that follows it.
fn without(text: &str, opening: &str, end: char) -> String {
    let mut parts = text.split(opening);
    let before = parts.next().unwrap_or_default();
    let after = parts.filter_map(|part| part.split_once(end));
    after.fold(before.to_owned(), |left, (_, rest)| left + rest)
}
