//! The driver: keeps the core's driving contract.
//!
//! Whatever happens calls [`Driver::input`], which hands it to the core and then carries out outputs until there
//! are none. An output that leads back here, because a handler called a method, only adds an input: the loop
//! that is already running carries out what follows from it, in order.

use std::cell::{Cell, RefCell};

use js_sys::{Array, JsString, Promise};
use metered_core::{
    CallError, CallId, Command, Connected, ConnectionEvent, ConnectionId, Core, Event, FrameText, Input,
    Instant, Operation, OperationId, Output, RemoteEvent, RoomError, RoomEvent, SignallingEvent, SocketEvent,
    SocketId, TokenFailure,
};
use metered_protocol::{Candidate, CloseCode, Description, SdpType, Secret, ToJson};
use wasm_bindgen::prelude::*;

use crate::host::{self, Host, RtcPeerConnection};
use crate::json::Json;

pub(crate) struct Driver {
    core: RefCell<Core<Json>>,
    draining: Cell<bool>,
}

/// Why a call fails without more to say, as `js/host.js` numbers it.
mod reject {
    pub(super) const NOT_CONNECTED: u32 = 0;
    pub(super) const DISCONNECTED: u32 = 1;
    pub(super) const CLOSED: u32 = 2;
    pub(super) const INVALID_STATE: u32 = 3;
    /// The refusals of `MeteredPeerSendError` follow.
    pub(super) const SEND: u32 = 4;
}

impl Driver {
    pub(crate) fn new(core: Core<Json>) -> Self {
        Self { core: RefCell::new(core), draining: Cell::new(false) }
    }

    /// Reads the core's state. `read` must not call JavaScript.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Core<Json>) -> T) -> T {
        read(&self.core.borrow())
    }

    /// Hands an input to the core and carries out what it answers.
    pub(crate) fn input(&self, host: &Host, input: Input<Json>) {
        self.core.borrow_mut().handle_input(now(), input);
        if self.draining.replace(true) {
            return;
        }
        loop {
            let output = self.core.borrow_mut().poll_output();
            match &output {
                Some(Output::Command(command)) => self.command(host, command),
                Some(Output::Event(event)) => emit(host, event),
                Some(Output::Settle(call, result)) => settle(host, *call, result),
                Some(Output::Log(level, message)) => host.log(*level as u32, message),
                None => break,
            }
        }
        self.draining.set(false);
        let next = self.core.borrow().poll_timeout();
        // Late by less than a millisecond rather than early: early would be once more.
        host.arm(next.map_or(f64::INFINITY, |at| at.since(now()) as f64 + 1.0));
    }

    fn command(&self, host: &Host, command: &Command<Json>) {
        match command {
            Command::OpenSocket(id, url) => self.open_socket(host, *id, url),
            Command::SendFrame(id, frame) => {
                // A socket that does not take a frame is closing; its close is what the core hears of.
                let _ = host.socket(id.0).map(|socket| socket.send(&text(frame)));
            }
            Command::CloseSocket(id, code, reason) => {
                let _ = host.socket(id.0).map(|socket| socket.close(code.0, reason));
            }
            Command::FetchToken(op) => host.fetch_token(op.0),
            Command::CreateConnection { connection, remote, peer_id, ice_servers } => {
                let servers = ice_server_list(ice_servers);
                host.open_connection(connection.0, remote.0, peer_id.as_str(), servers);
            }
            Command::SetIceServers(id, servers) => host.set_ice_servers(id.0, ice_server_list(servers)),
            Command::Operate(id, op, operation) => self.operate(host, *id, *op, operation),
            Command::CloseConnection(id) => host.close_connection(id.0),
        }
    }

    fn open_socket(&self, host: &Host, id: SocketId, url: &Secret) {
        if host.open_socket(id.0, url.expose()).is_err() {
            let reason = "the WebSocket could not be constructed".to_owned();
            self.input(host, Input::Socket(id, SocketEvent::Closed { code: CloseCode::ABNORMAL, reason }));
        }
    }

    fn operate(&self, host: &Host, id: ConnectionId, op: OperationId, operation: &Operation) {
        let Some(connection) = host.connection(id.0) else { return };
        match begin(&connection, operation) {
            Ok(promise) => host.report(&promise, id.0, op.0),
            Err(error) => {
                self.input(host, Input::Connection(id, ConnectionEvent::Done(op, Err(Json(error)))));
            }
        }
    }
}

/// Begins an operation of a negotiation.
fn begin(connection: &RtcPeerConnection, operation: &Operation) -> Result<Promise, JsValue> {
    match operation {
        Operation::CreateOffer { ice_restart: false } => connection.create_offer(&JsValue::UNDEFINED),
        Operation::CreateOffer { ice_restart: true } => {
            connection.create_offer(&host::parse_json(r#"{"iceRestart":true}"#)?)
        }
        Operation::CreateAnswer => connection.create_answer(),
        Operation::SetLocal(description) => connection.set_local_description(&description_init(description)?),
        Operation::SetRemote(description) => {
            connection.set_remote_description(&description_init(description)?)
        }
        // A stack that reads `sdp` before it looks at the type finds a string.
        Operation::Rollback => {
            connection.set_local_description(&host::parse_json(r#"{"type":"rollback","sdp":""}"#)?)
        }
        Operation::AddCandidate(candidate) => connection.add_ice_candidate(&candidate_init(candidate)?),
    }
}

fn description_init(description: &Description) -> Result<JsValue, JsValue> {
    let mut text = String::from(match description.kind {
        SdpType::Offer => r#"{"type":"offer","sdp":"#,
        SdpType::Answer => r#"{"type":"answer","sdp":"#,
    });
    metered_protocol::write_string(&mut text, &description.sdp);
    text.push('}');
    host::parse_json(&text)
}

fn candidate_init(candidate: &Option<Candidate>) -> Result<JsValue, JsValue> {
    let Some(candidate) = candidate else { return Ok(JsValue::NULL) };
    let mut text = String::new();
    candidate.write_json(&mut text);
    host::parse_json(&text)
}

/// A frame's text. The user's payload is spliced in without entering linear memory.
fn text(frame: &FrameText<Json>) -> JsValue {
    let head = JsString::from(frame.head.as_str());
    match &frame.payload {
        None => head.into(),
        Some(Json(payload)) => head.concat(payload).concat(&"}".into()).into(),
    }
}

fn settle(host: &Host, call: CallId, result: &Result<(), CallError<Json>>) {
    let call = call.0;
    let Err(error) = result else { return host.resolve(call) };
    match error {
        CallError::Connect(code, reason) => host.reject_connect(call, code.0, reason),
        CallError::Token(failure) => {
            let (kind, error) = token_failure(failure);
            host.reject_token(call, kind, &error);
        }
        CallError::Server(error) => {
            let request_id = error.request_id.as_ref().map_or("", |id| id.as_str());
            host.reject_server(call, error.code.as_str(), request_id, error.message.as_deref());
        }
        CallError::AckTimeout { request_id, timeout_ms } => {
            host.reject_ack_timeout(call, request_id.as_str(), *timeout_ms as f64);
        }
        CallError::Oversized { size, cap } => host.reject_oversized(call, *size, *cap),
        CallError::NotConnected => host.reject(call, reject::NOT_CONNECTED),
        CallError::Disconnected => host.reject(call, reject::DISCONNECTED),
        CallError::Closed => host.reject(call, reject::CLOSED),
        CallError::InvalidState => host.reject(call, reject::INVALID_STATE),
        CallError::Send(refusal) => host.reject(call, reject::SEND + *refusal as u32),
    }
}

fn emit(host: &Host, event: &Event<Json>) {
    match event {
        Event::Signalling(event) => emit_signalling(host, event),
        Event::Room(event) => emit_room(host, event),
        Event::Remote(remote, event) => match event {
            RemoteEvent::StateChange { from, to } => {
                host.remote_state_change(remote.0, *from as u32, *to as u32);
            }
            RemoteEvent::ConnectionReset => host.connection_reset(remote.0),
            RemoteEvent::TrackMeta(meta) => host.track_meta(
                remote.0,
                &meta.track_id,
                meta.kind.as_deref(),
                meta.stream_id.as_deref(),
                &value(&meta.metadata),
            ),
            RemoteEvent::SignalsLost => host.signals_lost(remote.0),
            RemoteEvent::NegotiationError(Json(error)) => host.remote_error(remote.0, false, error),
            RemoteEvent::IceCandidateError(Json(error)) => host.remote_error(remote.0, true, error),
            RemoteEvent::IceRestartExhausted => host.ice_restart_exhausted(remote.0),
        },
    }
}

fn emit_signalling(host: &Host, event: &SignallingEvent<Json>) {
    match event {
        SignallingEvent::Connected(connected) => emit_connected(host, connected),
        SignallingEvent::Disconnected { code, reason, will_reconnect } => {
            host.disconnected(code.0, reason, *will_reconnect);
        }
        SignallingEvent::StateChange { from, to } => host.state_change(*from as u32, *to as u32),
        // Their strings are shown as they came: the way back here and there costs as much as all the rest.
        SignallingEvent::Message { message, frame: Json(frame) } => {
            host.message(frame, message.from_metadata.is_some());
        }
        SignallingEvent::Presence { frame: Json(frame), .. } => host.presence(frame),
        SignallingEvent::ServerError(error) => {
            let request_id = error.request_id.as_ref().map(|id| id.as_str());
            host.server_error(error.code.as_str(), request_id, error.message.as_deref());
        }
        SignallingEvent::GoingAway { retry_after_ms } => host.going_away(*retry_after_ms as f64),
        SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
            let (kind, error) = token_failure(failure);
            host.token_provider_error(*consecutive_failures, kind, &error);
        }
    }
}

fn emit_connected(host: &Host, Connected { welcome, is_reconnect }: &Connected<Json>) {
    host.connected(
        welcome.peer_id.as_str(),
        welcome.server_time,
        welcome.expires_at,
        *is_reconnect,
        welcome.max_message_size,
        ice_server_list(&welcome.ice_servers),
        welcome.resumed,
    );
}

fn emit_room(host: &Host, event: &RoomEvent<Json>) {
    match event {
        RoomEvent::Joined { peer_id, channel } => host.joined(peer_id.as_str(), channel.as_str()),
        RoomEvent::Left { peer_id, channel, reason } => {
            let peer_id = peer_id.as_ref().map(|id| id.as_str());
            host.left(peer_id, channel.as_ref().map(|channel| channel.as_str()), reason.as_deref());
        }
        RoomEvent::StateChange { from, to } => host.state_change(*from as u32, *to as u32),
        RoomEvent::PeerJoined(remote) => host.peer_joined(remote.0),
        RoomEvent::PeerLeft(remote, metadata) => host.peer_left(remote.0, &value(metadata)),
        RoomEvent::Data { message, frame: Json(frame) } => {
            host.message(frame, message.from_metadata.is_some());
        }
        RoomEvent::Error(RoomError::Terminal(code)) => host.terminal(code.0),
        RoomEvent::Error(RoomError::ReconcileTimeout) => host.reconcile_timeout(),
        RoomEvent::Error(RoomError::Server(error)) => {
            host.server_error(error.code.as_str(), None, error.message.as_deref());
        }
        RoomEvent::Error(RoomError::TokenProvider(failures, failure)) => {
            let (kind, error) = token_failure(failure);
            host.token_provider_error(*failures, kind, &error);
        }
    }
}

/// The number of a failure in `js/host.js`, and what the provider threw.
fn token_failure(failure: &TokenFailure<Json>) -> (u32, JsValue) {
    match failure {
        TokenFailure::Threw(Json(error)) => (0, error.clone()),
        TokenFailure::NotAToken => (1, JsValue::UNDEFINED),
        TokenFailure::TimedOut => (2, JsValue::UNDEFINED),
    }
}

fn ice_server_list(servers: &[Json]) -> Array {
    let list = Array::new();
    for Json(server) in servers {
        list.push(server);
    }
    list
}

fn value(json: &Option<Json>) -> JsValue {
    json.as_ref().map_or(JsValue::UNDEFINED, |json| json.0.clone())
}

fn now() -> Instant {
    Instant(host::performance_now() as u64)
}
