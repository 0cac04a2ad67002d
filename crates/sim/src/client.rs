//! One client: a core, the driver that keeps its contract, an application on top, and a watch over all of it.

use std::collections::{BTreeMap, BTreeSet};

use metered_core::{
    CallError, CallId, Command, Config, ConnectionEvent, ConnectionId, ConnectionState, Core, Credential,
    Event as CoreEvent, Input, Instant, Operation, OperationId, Output, RemoteEvent, RemoteId, RoomError,
    RoomEvent, RoomState, SocketEvent, SocketId, TokenFailure,
};
use metered_protocol::{Channel, CloseCode, SdpType, Secret, ServerUrl, encode_frame};
use serde_json::Value as Json;

use crate::app::{App, method};
use crate::kernel::{Event, Kernel, Who, show_code};
use crate::network::{ClientEnd, LinkId, Network, Up};
use crate::plan::{ClientPlan, Login, Plan};
use crate::server::{BAD_TOKEN, token};
use crate::watch::Watch;
use crate::webrtc::{Owner, PcId, Webrtc};

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
    /// Everybody is with everybody, and nothing shall go wrong any more.
    pub settled: bool,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its name.
    pub who: Who,
    /// Its core.
    pub core: Core<Json>,
    /// The watch over it.
    pub watch: Watch,
    plan: ClientPlan,
    channel: Channel,
    app: App,
    links: BTreeMap<SocketId, LinkId>,
    connections: BTreeMap<ConnectionId, PcId>,
    calls: u32,
    polling: bool,
    /// Wakes that are under way.
    wakes: BTreeSet<Instant>,
}

impl Client {
    /// A client that does nothing yet.
    pub fn new(dice_seed: u64, who: Who, plan: ClientPlan, channel: Channel) -> Self {
        let credential = match plan.login {
            Login::Key => Credential::ApiKey(Secret::new("pk_live_dev")),
            Login::Token(_) => Credential::TokenProvider,
        };
        let url = ServerUrl::parse("wss://server.test").expect("an address");
        Self {
            who,
            core: Core::room(Config::new(url, credential), dice_seed),
            watch: Watch::new(),
            plan,
            app: App::new(who, channel.clone()),
            channel,
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            calls: 0,
            polling: false,
            wakes: BTreeSet::new(),
        }
    }

    // ---- what happens to it

    /// The application joins.
    pub fn join(&mut self, out: &mut Outside) {
        if self.core.room_state() == RoomState::Idle {
            let call = self.app.join();
            self.call(out, call);
        }
    }

    /// The application does something.
    pub fn act(&mut self, out: &mut Outside) {
        match out.kernel.dice.below(20) {
            0..2 => self.spurious_timeout(out),
            2..5 => self.add_media(out),
            _ => self.call_something(out),
        }
    }

    /// The application adds media to the connection to somebody, one or many times in a row.
    pub fn add_media(&mut self, out: &mut Outside) {
        let pcs: Vec<PcId> = self.connections.values().copied().collect();
        if !pcs.is_empty() {
            let pc = *out.kernel.dice.pick(&pcs);
            for _ in 0..*out.kernel.dice.pick(&[1, 1, 1, 10]) {
                out.webrtc.add_transceiver(&mut out.kernel, pc);
            }
        }
    }

    /// The present connections.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    /// The application calls a method.
    pub fn call(&mut self, out: &mut Outside, call: metered_core::Call<Json>) {
        let id = CallId::take(&mut self.calls);
        let name = method(&call);
        out.kernel.note(format_args!("{} -> {name}() call {}", self.who, id.0));
        self.watch.calls.called(out.kernel.now, id, name);
        match name {
            "join" if self.core.room_state() == RoomState::Idle => self.watch.backoff.begin(),
            "close" => self.watch.backoff.end(),
            _ => {}
        }
        self.input(out, Input::Call(id, call));
    }

    /// Something that no other message says, to one or to all.
    pub fn say(&mut self, out: &mut Outside, to: Option<&metered_protocol::PeerId>) -> Json {
        let data = self.app.message();
        let value = data.value.clone();
        let call = match to {
            Some(to) => metered_core::Call::SendTo { to: to.clone(), data },
            None => metered_core::Call::Broadcast { data },
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
        let Login::Token(sub) = &self.plan.login else { return };
        if too_late {
            self.input(out, Input::Token(op, Ok(Secret::new(token(sub, None)))));
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
            let end = if dice.percent(50) && end < out.plan.quiet_at { Some(end) } else { None };
            Ok(Secret::new(token(sub, end)))
        };
        let usable = matches!(&answer, Ok(token) if !token.expose().is_empty());
        if !usable {
            self.watch.backoff.lost(out.kernel.now, CloseCode::ABNORMAL);
        }
        out.kernel.note(format_args!("{} <= token, usable: {usable}", self.who));
        self.input(out, Input::Token(op, answer));
    }

    /// A frame has come.
    pub fn frame(&mut self, out: &mut Outside, socket: SocketId, text: &str) {
        out.kernel.note(format_args!("{} <= {text}", self.who));
        match serde_json::from_str::<Json>(text) {
            Ok(frame) => {
                if self.watch.sockets.listens(socket) {
                    self.watch.frame(&mut out.kernel, &frame, self.channel.as_str());
                }
                self.input(out, Input::Socket(socket, SocketEvent::Frame(frame)));
            }
            Err(_) => self.input(out, Input::Socket(socket, SocketEvent::Garbage)),
        }
    }

    /// A frame has come that is none.
    pub fn garbage(&mut self, out: &mut Outside, socket: SocketId) {
        self.input(out, Input::Socket(socket, SocketEvent::Garbage));
    }

    /// A socket reports its end.
    pub fn socket_closed(&mut self, out: &mut Outside, socket: SocketId, code: CloseCode, reason: &str) {
        if self.watch.sockets.closed(socket) {
            match code.retry() {
                metered_protocol::Retry::Never => self.watch.backoff.end(),
                _ => self.watch.backoff.lost(out.kernel.now, code),
            }
        }
        let reason = reason.to_owned();
        self.input(out, Input::Socket(socket, SocketEvent::Closed { code, reason }));
    }

    /// A peer connection reports something.
    pub fn connection_event(
        &mut self,
        out: &mut Outside,
        connection: ConnectionId,
        event: ConnectionEvent<Json>,
    ) {
        if let ConnectionEvent::State(ConnectionState::Failed) = event {
            out.kernel.saw("failed connection");
        }
        out.kernel.note(format_args!("{} <= connection {} {event:?}", self.who, connection.0));
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

    /// Looks for what should have happened by now.
    pub fn inspect(&self, kernel: &mut Kernel, lateness: u64) {
        self.watch.calls.inspect(kernel, self.who, lateness);
        self.watch.backoff.inspect(kernel, self.who, lateness);
    }

    /// The connection to a remote, as this client sees it.
    pub fn pc(&self, connection: ConnectionId) -> Option<PcId> {
        self.connections.get(&connection).copied()
    }

    // ---- the driver

    fn input(&mut self, out: &mut Outside, input: Input<Json>) {
        self.core.handle_input(out.kernel.now, input);
        if self.polling {
            // A handler has called: the loop that is already polling goes on.
            return;
        }
        self.polling = true;
        while let Some(output) = self.core.poll_output() {
            self.carry_out(out, output);
        }
        self.polling = false;
        self.watch.settled(&mut out.kernel, self.who, &self.core);
        if let Some(due) = self.core.poll_timeout()
            && self.wakes.insert(due)
        {
            let late = out.kernel.dice.between((0, out.plan.lateness));
            out.kernel.at(due.after(late), Event::Wake(self.who, due));
        }
    }

    fn carry_out(&mut self, out: &mut Outside, output: Output<Json>) {
        match output {
            Output::Command(command) => self.command(out, command),
            Output::Event(event) => self.event(out, event),
            Output::Settle(call, result) => {
                let name = self.watch.calls.settled(&mut out.kernel, self.who, call);
                out.kernel.note(format_args!("{} call {} {name}() settles {result:?}", self.who, call.0));
                if let Err(error) = &result {
                    out.kernel.saw(show_error(error));
                }
                if name == "join" && result.is_err() && self.core.room_state() == RoomState::Idle {
                    out.kernel.soon((300, 3_000), Event::Rejoin(self.who));
                }
            }
            Output::Log(_, message) => {
                out.kernel.saw(message);
                out.kernel.note(format_args!("{} log: {message}", self.who));
            }
        }
    }

    fn command(&mut self, out: &mut Outside, command: Command<Json>) {
        let (who, kernel) = (self.who, &mut out.kernel);
        match command {
            Command::OpenSocket(socket, url) => {
                if self.core.room_state() == RoomState::Reconnecting {
                    kernel.saw("reconnect");
                }
                kernel.note(format_args!("{who} opens socket {}", socket.0));
                self.watch.sockets.opened(kernel, who, socket);
                if self.plan.login == Login::Key {
                    self.watch.backoff.attempt(kernel, who);
                }
                let url = url.expose().to_owned();
                let link = out.network.open(kernel, &out.plan, who, socket, url);
                self.links.insert(socket, link);
            }
            Command::SendFrame(socket, frame) => {
                self.watch.sockets.written(kernel, who, socket);
                let text = encode_frame(&frame);
                kernel.note(format_args!("{who} => {text}"));
                if let Some(link) = self.links.get(&socket) {
                    out.network.send_up(kernel, &out.plan, *link, Up::Frame(text));
                }
            }
            Command::CloseSocket(socket, code, reason) => {
                kernel.note(format_args!("{who} closes socket {}: {} {reason}", socket.0, show_code(code)));
                if self.watch.sockets.closed(socket) && code == CloseCode::CLIENT_INACTIVITY {
                    kernel.saw(if reason == "no welcome" { "no welcome" } else { "inactivity timeout" });
                    self.watch.backoff.lost(kernel.now, code);
                }
                if let Some(link) = self.links.get(&socket) {
                    out.network.close(kernel, &out.plan, *link, code);
                }
            }
            Command::FetchToken(op) => {
                self.watch.backoff.attempt(kernel, who);
                if out.troubled && out.plan.token_failures > 0 && kernel.dice.percent(5) {
                    let timeout = 10_000;
                    self.watch.backoff.lost(kernel.now.after(timeout), CloseCode::ABNORMAL);
                    kernel.after(timeout + out.plan.lateness + 1, Event::Token(who, op, true));
                } else {
                    kernel.soon((0, 500), Event::Token(who, op, false));
                }
            }
            Command::CreateConnection { connection, remote, peer_id, .. } => {
                self.watch.remotes.connection_created(kernel, who, remote, &peer_id, connection);
                let pc = out.webrtc.create(Owner { who, connection }, self.plan.stack);
                kernel.note(format_args!("{who} connection {} to {peer_id} is pc {}", connection.0, pc.0));
                self.connections.insert(connection, pc);
            }
            Command::Operate(connection, op, operation) => {
                self.watch.remotes.connection_used(kernel, who, connection);
                match &operation {
                    Operation::Rollback => kernel.saw("rollback"),
                    Operation::SetRemote(answer) if answer.kind == SdpType::Answer => kernel.saw("answer"),
                    _ => {}
                }
                kernel.note(format_args!("{who} operates connection {}: {operation:?}", connection.0));
                if let Some(pc) = self.connections.get(&connection) {
                    out.webrtc.operate(kernel, &out.plan, *pc, op, operation);
                }
            }
            Command::CloseConnection(connection) => {
                self.watch.remotes.connection_closed(kernel, who, connection);
                kernel.note(format_args!("{who} closes connection {}", connection.0));
                if let Some(pc) = self.connections.remove(&connection) {
                    out.webrtc.close(kernel, pc);
                }
            }
        }
    }

    // ---- the application's handlers

    fn event(&mut self, out: &mut Outside, event: CoreEvent<Json>) {
        out.kernel.note(format_args!("{} event {event:?}", self.who));
        let (who, kernel) = (self.who, &mut out.kernel);
        match event {
            CoreEvent::Room(RoomEvent::StateChange { from, to }) => {
                self.watch.room.changed(kernel, who, from.as_str(), to.as_str());
                if matches!(to, RoomState::Idle | RoomState::Closed) {
                    self.watch.backoff.end();
                }
                if to == RoomState::Closed {
                    kernel.soon((300, 5_000), Event::Start(who.client));
                }
            }
            CoreEvent::Room(RoomEvent::PeerJoined(remote)) => {
                self.watch.remotes.joined(kernel, who, remote);
                self.open_channel(out, remote);
            }
            CoreEvent::Room(RoomEvent::PeerLeft(remote, ..)) => self.watch.remotes.left(kernel, who, remote),
            CoreEvent::Room(RoomEvent::Data { data, .. }) => {
                self.watch.messages.surfaced(kernel, who, &data);
            }
            CoreEvent::Room(RoomEvent::Error(RoomError::Terminal(_))) => kernel.saw("terminal close"),
            CoreEvent::Room(RoomEvent::Error(_)) => kernel.saw("token-provider-error"),
            CoreEvent::Room(RoomEvent::Joined { .. } | RoomEvent::Left { .. }) => {}
            CoreEvent::Remote(remote, RemoteEvent::StateChange { from, to }) => {
                self.watch.remotes.changed(kernel, who, remote, from.as_str(), to.as_str());
            }
            CoreEvent::Remote(remote, RemoteEvent::ConnectionReset) => {
                kernel.saw("connection-reset");
                self.watch.remotes.told_of(kernel, who, remote);
                self.open_channel(out, remote);
            }
            CoreEvent::Remote(remote, RemoteEvent::NegotiationError(error)) => {
                self.watch.remotes.told_of(kernel, who, remote);
                kernel.saw("negotiation-error");
                // Before, an answer may be to an offer of the connection that ours replaced.
                if out.settled {
                    kernel.violated("honest peers negotiate without errors", format!("{who}: {error}"));
                }
            }
            CoreEvent::Remote(remote, RemoteEvent::IceCandidateError(_)) => {
                kernel.saw("ice-candidate-error");
                self.watch.remotes.told_of(kernel, who, remote);
            }
            CoreEvent::Signalling(event) => {
                kernel.violated("a room keeps its client to itself", format!("{who}: {event:?}"));
            }
        }
        if out.plan.reentrant && out.troubled && out.kernel.dice.percent(8) {
            self.call_something(out);
        }
    }

    fn open_channel(&mut self, out: &mut Outside, remote: RemoteId) {
        let Some(remote) = self.watch.remotes.get(remote) else { return };
        let (Some(own), Some(pc)) = (self.core.peer_id(), self.connections.get(&remote.connection)) else {
            return;
        };
        if App::opens(out.plan.opener, own, &remote.peer_id) {
            out.webrtc.create_channel(&mut out.kernel, *pc);
        }
    }

    fn call_something(&mut self, out: &mut Outside) {
        let others: Vec<_> = self.core.remotes().map(|(_, peer)| peer.clone()).collect();
        let may_close = out.troubled && out.plan.comings_and_goings;
        let call = self.app.act(&mut out.kernel.dice, self.core.peer_id(), &others, may_close);
        self.call(out, call);
    }

    fn spurious_timeout(&mut self, out: &mut Outside) {
        if self.core.poll_timeout().is_some_and(|due| due <= out.kernel.now) {
            return;
        }
        let before = format!("{:?}", self.core);
        self.core.handle_input(out.kernel.now, Input::Timeout);
        let output = self.core.poll_output();
        let after = format!("{:?}", self.core);
        if output.is_some() || before != after {
            let what = format!("{} {output:?}\nbefore {before}\nafter  {after}", self.who);
            out.kernel.violated("a spurious timeout does nothing", what);
        }
    }

    /// Whether a link is this client's and still open for it.
    pub fn has_live_link(&self, network: &Network) -> bool {
        self.links.values().any(|id| network.link(*id).is_some_and(|link| link.client == ClientEnd::Live))
    }
}

fn show_error(error: &CallError<Json>) -> &'static str {
    match error {
        CallError::Connect(..) => "SignallingConnectError",
        CallError::Token(_) => "no token for the first attempt",
        CallError::Server { .. } => "ServerRequestError",
        CallError::NotConnected => "NotConnectedError",
        CallError::Disconnected => "DisconnectedError",
        CallError::AckTimeout { .. } => "AckTimeoutError",
        CallError::Oversized { .. } => "OversizedPayloadError",
        CallError::InvalidState { .. } => "InvalidStateError",
        CallError::Send(_) => "MeteredPeerSendError",
        CallError::Closed => "closed in the middle of a call",
    }
}
