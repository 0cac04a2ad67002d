//! A driver that does nothing by itself: the test decides what happens, and reads what the core wants in words.
//!
//! Sockets, remotes, connections and calls are numbered by the core and shown as `s1`, `r1`, `k1`, `call 1`.

use std::collections::VecDeque;

use metered_core::{
    Call, CallId, Command, Config, ConnectionEvent, ConnectionId, ConnectionState, Core, Credential, Event,
    Input, Instant, Level, Measured, Operation, OperationId, Outcome, Output, RemoteEvent, RoomEvent,
    SignallingEvent, SocketEvent, SocketId,
};
use metered_protocol::{
    Candidate, Channel, CloseCode, Description, Message, PeerId, SdpType, Secret, ServerFrame, ServerUrl,
    ToJson,
};
use serde_json::{Value as Json, json};

/// A core, its time, and what it has said since one last looked.
pub(crate) struct Hand {
    pub(crate) core: Core<Json>,
    pub(crate) now: Instant,
    pub(crate) socket: SocketId,
    pub(crate) token: OperationId,
    pub(crate) logs: Vec<&'static str>,
    /// Whether the server answers pings.
    pub(crate) pongs: bool,
    /// The ICE generation that our descriptions are of.
    pub(crate) generation: u32,
    /// The sections that our descriptions have, one letter each: `d` is that for data channels.
    pub(crate) sections: String,
    versions: u32,
    steps: VecDeque<(ConnectionId, OperationId, Operation)>,
    said: Vec<String>,
    calls: u32,
}

pub(crate) fn config() -> Config {
    let url = ServerUrl::parse("wss://server.test").unwrap();
    Config::new(url, Credential::ApiKey(Secret::new("pk_live_dev")))
}

pub(crate) fn peer(id: &str) -> PeerId {
    PeerId::parse(id).unwrap()
}

pub(crate) fn channel(name: &str) -> Channel {
    Channel::parse(name).unwrap()
}

pub(crate) fn payload(value: Json) -> Measured<Json> {
    Measured { bytes: value.to_string().len(), value }
}

pub(crate) fn join(name: &str) -> Call<Json> {
    Call::Join { channel: channel(name), include_sender_metadata: false }
}

pub(crate) fn close() -> Call<Json> {
    Call::Close { code: CloseCode::NORMAL, reason: Some("bye".into()) }
}

pub(crate) fn subscribe(name: &str) -> Call<Json> {
    Call::Subscribe { channel: channel(name), include_sender_metadata: false }
}

/// A description whose fingerprint says which connection made it.
pub(crate) fn sdp(kind: SdpType, maker: &str) -> Description {
    Description { kind, sdp: format!("v=0\r\na=fingerprint:sha-256 {maker}\r\n") }
}

pub(crate) fn candidate(text: &str) -> Candidate {
    Candidate { candidate: text.into(), sdp_mid: Some("0".into()), ..Candidate::default() }
}

impl Hand {
    pub(crate) fn new(core: Core<Json>) -> Self {
        Self {
            core,
            now: Instant(1_000),
            socket: SocketId(0),
            token: OperationId(0),
            logs: Vec::new(),
            pongs: true,
            generation: 1,
            sections: String::new(),
            versions: 0,
            steps: VecDeque::new(),
            said: Vec::new(),
            calls: 0,
        }
    }

    pub(crate) fn client(config: Config) -> Self {
        Self::new(Core::signalling(config, 7))
    }

    /// A client that is connected as `me`.
    pub(crate) fn connected() -> Self {
        Self::connected_with(config())
    }

    pub(crate) fn connected_with(config: Config) -> Self {
        let mut hand = Self::client(config);
        hand.call(Call::Connect);
        hand.welcome("me");
        hand.said();
        hand
    }

    /// A room peer that does nothing yet.
    pub(crate) fn room() -> Self {
        Self::new(Core::room(config(), 7))
    }

    /// A room peer `me` that has joined `room` with these others in it.
    pub(crate) fn joined(others: &[&str]) -> Self {
        let mut hand = Self::room();
        hand.call(join("room"));
        hand.welcome("me");
        hand.ack(1);
        hand.presence(others, &[]);
        hand.said();
        hand
    }

    // ---- what happens

    pub(crate) fn input(&mut self, input: Input<Json>) {
        self.core.handle_input(self.now, input);
        while let Some(output) = self.core.poll_output() {
            self.note(output);
        }
    }

    /// A call; its number is how many calls there have been.
    pub(crate) fn call(&mut self, call: Call<Json>) {
        let id = CallId::take(&mut self.calls);
        self.input(Input::Call(id, call));
    }

    /// A frame on the newest socket.
    pub(crate) fn frame(&mut self, frame: Json) {
        self.input(Input::Socket(self.socket, SocketEvent::Frame(frame)));
    }

    pub(crate) fn welcome(&mut self, id: &str) {
        self.frame(json!({"type": "welcome", "peerId": id, "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null}));
    }

    pub(crate) fn ack(&mut self, request: u32) {
        self.frame(json!({"type": "ack", "requestId": request.to_string()}));
    }

    /// Answers to all requests from here to there.
    pub(crate) fn acks(&mut self, requests: std::ops::RangeInclusive<u32>) {
        requests.for_each(|request| self.ack(request));
    }

    pub(crate) fn presence(&mut self, joined: &[&str], left: &[&str]) {
        let list = |ids: &[&str]| ids.iter().map(|id| json!({"peerId": id})).collect::<Vec<_>>();
        self.frame(
            json!({"type": "presence", "channel": "room", "joined": list(joined), "left": list(left)}),
        );
    }

    pub(crate) fn direct(&mut self, from: &str, data: Json) {
        self.frame(json!({"type": "direct", "from": from, "data": data}));
    }

    /// The remote sends a description. No two are the same.
    pub(crate) fn description(&mut self, from: &str, description: &Description) {
        self.versions += 1;
        let sdp = format!("a=version:{}\r\n{}", self.versions, description.sdp);
        self.description_as_is(from, &Description { kind: description.kind, sdp });
    }

    /// The remote sends a description, maybe one that it has sent before.
    pub(crate) fn description_as_is(&mut self, from: &str, description: &Description) {
        let description = json!({"type": description.kind.as_str(), "sdp": description.sdp});
        self.direct(from, json!({"type": "rtc-description", "description": description}));
    }

    /// The remote sends a candidate.
    pub(crate) fn remote_candidate(&mut self, from: &str, text: &str) {
        self.direct(from, json!({"type": "rtc-ice", "candidate": {"candidate": text, "sdpMid": "0"}}));
    }

    /// The newest socket closes.
    pub(crate) fn drop_socket(&mut self, code: u16) {
        let closed = SocketEvent::Closed { code: CloseCode(code), reason: String::new() };
        self.input(Input::Socket(self.socket, closed));
    }

    /// Lets time pass and every timer ring when it is due.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.after(ms);
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let before = self.said.len();
            self.input(Input::Timeout);
            let pings = |line: &String| line.contains(r#"{"type":"ping"}"#);
            if self.pongs && self.said[before..].iter().any(pings) {
                self.said.retain(|line| !pings(line));
                self.frame(json!({"type": "pong"}));
            }
        }
        self.now = end;
    }

    /// Reconnects after a drop: waits the backoff out.
    pub(crate) fn comes_back(&mut self, id: &str) {
        let before = self.socket;
        self.pass(700);
        assert_ne!(self.socket, before, "no attempt within the first backoff");
        self.welcome(id);
    }

    // ---- peer connections

    pub(crate) fn connection(&mut self, k: u32, event: ConnectionEvent<Json>) {
        self.input(Input::Connection(ConnectionId(k), event));
    }

    pub(crate) fn negotiation_needed(&mut self, k: u32) {
        self.connection(k, ConnectionEvent::NegotiationNeeded);
    }

    pub(crate) fn state(&mut self, k: u32, state: ConnectionState) {
        self.connection(k, ConnectionEvent::State(state));
    }

    pub(crate) fn gathered(&mut self, k: u32, text: &str) {
        self.connection(k, ConnectionEvent::Candidate(Some(candidate(text))));
    }

    pub(crate) fn steps_under_way(&self) -> usize {
        self.steps.len()
    }

    /// The oldest step under way succeeds. What it creates is made by `ours`.
    pub(crate) fn step_succeeds(&mut self) {
        let (k, op, operation) = self.steps.pop_front().expect("no step is under way");
        let ours = |kind| {
            let Description { kind, sdp } = sdp(kind, "ours");
            let sections = self::sections(&self.sections);
            Outcome::Created(Description {
                kind,
                sdp: format!("a=ice-ufrag:{}\r\n{sections}{sdp}", self.generation),
            })
        };
        let outcome = match operation {
            Operation::CreateOffer { .. } => ours(SdpType::Offer),
            Operation::CreateAnswer => ours(SdpType::Answer),
            _ => Outcome::Applied,
        };
        self.input(Input::Connection(k, ConnectionEvent::Done(op, Ok(outcome))));
    }

    /// The oldest step under way fails.
    pub(crate) fn step_fails(&mut self) {
        let (k, op, _) = self.steps.pop_front().expect("no step is under way");
        self.input(Input::Connection(k, ConnectionEvent::Done(op, Err(json!("refused")))));
    }

    /// Every step succeeds until none is under way.
    pub(crate) fn steps_succeed(&mut self) {
        while !self.steps.is_empty() {
            self.step_succeeds();
        }
    }

    /// We offer on a connection and wait for the answer.
    pub(crate) fn offers(&mut self, k: u32) {
        self.negotiation_needed(k);
        self.steps_succeed();
    }

    // ---- what the core said

    /// What it said since one last looked.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The same, only what contains a word.
    pub(crate) fn said_about(&mut self, word: &str) -> Vec<String> {
        self.said().into_iter().filter(|line| line.contains(word)).collect()
    }

    fn note(&mut self, output: Output<Json>) {
        let line = match output {
            Output::Command(command) => self.command(command),
            Output::Event(event) => say_event(event),
            Output::Settle(call, Ok(())) => format!("call {} ok", call.0),
            Output::Settle(call, Err(error)) => format!("call {} {error:?}", call.0),
            Output::Log(Level::Debug | Level::Info | Level::Warn, message) => {
                self.logs.push(message);
                return;
            }
        };
        self.said.push(line);
    }

    fn command(&mut self, command: Command<Json>) -> String {
        match command {
            Command::OpenSocket(socket, url) => {
                self.socket = socket;
                format!("open s{} {}", socket.0, url.expose())
            }
            Command::SendFrame(socket, frame) => {
                let mut line = format!("send s{} ", socket.0);
                frame.write_json(&mut line);
                line
            }
            Command::CloseSocket(socket, code, reason) => format!("close s{} {} {reason}", socket.0, code.0),
            Command::FetchToken(op) => {
                self.token = op;
                "fetch a token".into()
            }
            Command::CreateConnection { connection, remote, peer_id, .. } => {
                format!("k{} to r{} {peer_id}", connection.0, remote.0)
            }
            Command::SetIceServers(connection, servers) => format!("k{} servers {servers:?}", connection.0),
            Command::Operate(connection, op, operation) => {
                let line = format!("k{} {}", connection.0, say_operation(&operation));
                self.steps.push_back((connection, op, operation));
                line
            }
            Command::CloseConnection(connection) => {
                self.steps.retain(|(k, ..)| *k != connection);
                format!("k{} close", connection.0)
            }
        }
    }
}

/// Media sections, one letter each: `d` is that for data channels.
pub(crate) fn sections(kinds: &str) -> String {
    let section = |(mid, kind)| {
        let media = if kind == 'd' {
            "application 9 UDP/DTLS/SCTP webrtc-datachannel"
        } else {
            "video 9 UDP/TLS/RTP/SAVPF 96"
        };
        format!("m={media}\r\na=mid:{mid}\r\n")
    };
    kinds.chars().enumerate().map(section).collect()
}

fn say_operation(operation: &Operation) -> String {
    let maker = |description: &Description| {
        let maker = description.sdp.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        format!("{} of {maker}", description.kind.as_str())
    };
    match operation {
        Operation::CreateOffer { ice_restart: false } => "create offer".into(),
        Operation::CreateOffer { ice_restart: true } => "create offer to restart ICE".into(),
        Operation::CreateAnswer => "create answer".into(),
        Operation::SetLocal(description) => format!("set local {}", maker(description)),
        Operation::Rollback => "roll back".into(),
        Operation::SetRemote(description) => format!("set remote {}", maker(description)),
        Operation::AddCandidate(Some(candidate)) => format!("add {}", candidate.candidate),
        Operation::AddCandidate(None) => "add the end".into(),
    }
}

fn say_event(event: Event<Json>) -> String {
    let ids = |list: &[metered_protocol::PresencePeer<Json>]| {
        list.iter().map(|peer| peer.peer_id.as_str()).collect::<Vec<_>>().join(",")
    };
    match event {
        Event::Signalling(event) => match event {
            SignallingEvent::Connected(connected) => {
                let how = if connected.welcome.resumed { " resumed" } else { "" };
                format!("connected {} again: {}{how}", connected.welcome.peer_id, connected.is_reconnect)
            }
            SignallingEvent::Disconnected { code, will_reconnect, .. } => {
                format!("disconnected {} retry: {will_reconnect}", code.0)
            }
            SignallingEvent::StateChange { from, to } => {
                format!("client {} → {}", from.as_str(), to.as_str())
            }
            SignallingEvent::Message { message: Message { channel, from, data, .. }, .. } => match channel {
                Some(channel) => format!("message {from}@{channel} {data}"),
                None => format!("direct {from} {data}"),
            },
            SignallingEvent::Presence { channel, frame, .. } => {
                let Ok(ServerFrame::Presence { joined, left, .. }) = ServerFrame::parse(&frame) else {
                    return format!("no presence: {frame}");
                };
                format!("presence {channel} +{} -{}", ids(&joined), ids(&left))
            }
            SignallingEvent::ServerError(error) => format!("server error {}", error.code),
            SignallingEvent::GoingAway { retry_after_ms } => format!("going away {retry_after_ms}"),
            SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
                format!("token error {consecutive_failures} {failure:?}")
            }
        },
        Event::Room(event) => match event {
            RoomEvent::Joined { peer_id, channel } => format!("joined {channel} as {peer_id}"),
            RoomEvent::Left { reason, .. } => format!("left {}", reason.unwrap_or_default()),
            RoomEvent::StateChange { from, to } => format!("room {} → {}", from.as_str(), to.as_str()),
            RoomEvent::PeerJoined(remote) => format!("r{} joined", remote.0),
            RoomEvent::PeerLeft(remote, ..) => format!("r{} left", remote.0),
            RoomEvent::Data { message: Message { channel, from, data, .. }, .. } => {
                let kind = if channel.is_some() { "broadcast" } else { "direct" };
                format!("{kind} {from} {data}")
            }
            RoomEvent::Error(error) => format!("error {error:?}"),
        },
        Event::Remote(remote, event) => match event {
            RemoteEvent::StateChange { from, to } => {
                format!("r{} {} → {}", remote.0, from.as_str(), to.as_str())
            }
            RemoteEvent::ConnectionReset => format!("r{} reset", remote.0),
            RemoteEvent::SignalsLost => format!("r{} signals lost", remote.0),
            RemoteEvent::TrackMeta(meta) => {
                let metadata = meta.metadata.unwrap_or_default();
                let place = [meta.stream_id, meta.kind].map(Option::unwrap_or_default).join("/");
                format!("r{} track {} {metadata} {place}", remote.0, meta.track_id)
            }
            RemoteEvent::NegotiationError(error) => format!("r{} negotiation error {error}", remote.0),
            RemoteEvent::IceRestartExhausted => format!("r{} ICE restarts exhausted", remote.0),
            RemoteEvent::IceCandidateError(error) => format!("r{} candidate error {error}", remote.0),
        },
    }
}
