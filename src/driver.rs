//! The driver: keeps the core's driving contract.
//!
//! Whatever happens calls [`Driver::input`], which hands it to the core and then carries out outputs until there
//! are none. An output that leads back here, because a handler called a method, only adds an input: the loop
//! that is already running carries out what follows from it, in order.

use std::cell::{Cell, RefCell};

use metered_core::{
    CallError, CallId, Command, Connected, Core, Event, FrameText, Input, Operation, Output, RemoteEvent,
    RoomError, RoomEvent, SignallingEvent, TokenFailure,
};
use metered_protocol::{ServerError, ToJson};

use crate::host::{Ask, Host, now};
use crate::json::Json;

pub(crate) struct Driver {
    core: RefCell<Core<Json>>,
    draining: Cell<bool>,
}

/// Why a call fails, as `js/errors.js` numbers it.
mod reject {
    pub(super) const CONNECT: u32 = 0;
    pub(super) const TOKEN: u32 = 1;
    pub(super) const SERVER: u32 = 2;
    pub(super) const ACK_TIMEOUT: u32 = 3;
    pub(super) const OVERSIZED: u32 = 4;
    pub(super) const NOT_CONNECTED: u32 = 5;
    pub(super) const DISCONNECTED: u32 = 6;
    pub(super) const CLOSED: u32 = 7;
    pub(super) const INVALID_STATE: u32 = 8;
    /// The refusals of `MeteredPeerSendError` follow.
    pub(super) const SEND: u32 = 9;
}

/// The methods of an `RTCPeerConnection`, as `js/host.js` numbers them.
mod operation {
    pub(super) const CREATE_OFFER: u32 = 0;
    pub(super) const CREATE_ANSWER: u32 = 1;
    pub(super) const SET_LOCAL_DESCRIPTION: u32 = 2;
    pub(super) const SET_REMOTE_DESCRIPTION: u32 = 3;
    pub(super) const ADD_ICE_CANDIDATE: u32 = 4;
}

impl Driver {
    pub(crate) fn new(core: Core<Json>) -> Self {
        Self { core: RefCell::new(core), draining: Cell::new(false) }
    }

    /// Reads the core's state. `read` must not call JavaScript that could call back.
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
                Some(Output::Command(command)) => carry_out(host, command),
                Some(Output::Event(event)) => emit(host, event),
                Some(Output::Settle(call, result)) => settle(host, *call, result),
                Some(Output::Log(level, message)) => host.with(*message).ask(Ask::Log, *level as u32),
                None => break,
            }
        }
        self.draining.set(false);
        let next = self.core.borrow().poll_timeout();
        // Late by less than a millisecond rather than early: early would be once more.
        host.ask(Ask::Arm, next.map_or(f64::INFINITY, |at| at.since(now()) as f64 + 1.0));
    }
}

fn carry_out(host: &Host, command: &Command<Json>) {
    match command {
        Command::OpenSocket(id, url) => host.with(url.expose()).ask(Ask::OpenSocket, id.0),
        Command::SendFrame(id, frame) => send_frame(host, id.0, frame),
        Command::CloseSocket(id, code, reason) => {
            host.with(u32::from(code.0)).with(reason.as_str()).ask(Ask::CloseSocket, id.0);
        }
        Command::FetchToken(op) => host.ask(Ask::FetchToken, op.0),
        Command::CreateConnection { connection, remote, peer_id, ice_servers } => {
            let host = host.with(remote.0).with(peer_id.as_str());
            host.with(&**ice_servers).ask(Ask::OpenConnection, connection.0);
        }
        Command::SetIceServers(id, servers) => host.with(&**servers).ask(Ask::SetIceServers, id.0),
        Command::Operate(id, op, operation) => {
            let (method, argument) = method_of(operation);
            host.with(op.0).with(method).with(argument.as_deref()).ask(Ask::Operate, id.0);
        }
        Command::CloseConnection(id) => host.ask(Ask::CloseConnection, id.0),
    }
}

/// The method that does a step of a negotiation, and its argument as JSON text.
fn method_of(operation: &Operation) -> (u32, Option<String>) {
    let mut text = String::new();
    let method = match operation {
        Operation::CreateOffer { ice_restart: false } => return (operation::CREATE_OFFER, None),
        Operation::CreateAnswer => return (operation::CREATE_ANSWER, None),
        Operation::CreateOffer { ice_restart: true } => {
            text.push_str(r#"{"iceRestart":true}"#);
            operation::CREATE_OFFER
        }
        Operation::SetLocal(description) => {
            description.write_json(&mut text);
            operation::SET_LOCAL_DESCRIPTION
        }
        // A stack that reads `sdp` before it looks at the type finds a string.
        Operation::Rollback => {
            text.push_str(r#"{"type":"rollback","sdp":""}"#);
            operation::SET_LOCAL_DESCRIPTION
        }
        Operation::SetRemote(description) => {
            description.write_json(&mut text);
            operation::SET_REMOTE_DESCRIPTION
        }
        Operation::AddCandidate(candidate) => {
            match candidate {
                Some(candidate) => candidate.write_json(&mut text),
                None => text.push_str("null"),
            }
            operation::ADD_ICE_CANDIDATE
        }
    };
    (method, Some(text))
}

/// The user's payload is spliced in over there: it does not enter linear memory.
fn send_frame(host: &Host, id: u32, frame: &FrameText<Json>) {
    host.with(frame.head.as_str()).with(frame.payload.as_ref()).ask(Ask::SendFrame, id);
}

fn settle(host: &Host, call: CallId, result: &Result<(), CallError<Json>>) {
    let call = call.0;
    let Err(error) = result else { return host.ask(Ask::Resolve, call) };
    match error {
        CallError::Connect(code, reason) => {
            host.with(reject::CONNECT).with(u32::from(code.0)).with(reason.as_str())
        }
        CallError::Token(failure) => with_failure(host.with(reject::TOKEN), failure),
        CallError::Server(error) => with_error(host.with(reject::SERVER), error),
        CallError::AckTimeout { request_id, timeout_ms } => {
            host.with(reject::ACK_TIMEOUT).with(request_id.as_str()).with(*timeout_ms as f64)
        }
        CallError::Oversized { size, cap } => {
            host.with(reject::OVERSIZED).with(*size as u32).with(*cap as u32)
        }
        CallError::NotConnected => host.with(reject::NOT_CONNECTED),
        CallError::Disconnected => host.with(reject::DISCONNECTED),
        CallError::Closed => host.with(reject::CLOSED),
        CallError::InvalidState => host.with(reject::INVALID_STATE),
        CallError::Send(refusal) => host.with(reject::SEND + *refusal as u32),
    }
    .ask(Ask::Reject, call);
}

fn emit(host: &Host, event: &Event<Json>) {
    match event {
        Event::Signalling(event) => emit_signalling(host, event),
        Event::Room(event) => emit_room(host, event),
        Event::Remote(remote, event) => emit_remote(host, remote.0, event),
    }
}

fn emit_signalling(host: &Host, event: &SignallingEvent<Json>) {
    match event {
        SignallingEvent::Connected(Connected { welcome, is_reconnect }) => host
            .with(welcome.peer_id.as_str())
            .with(welcome.server_time)
            .with(welcome.expires_at)
            .with(*is_reconnect)
            .with(welcome.resumed)
            .with(&*welcome.ice_servers)
            .ask(Ask::Connected, welcome.max_message_size),
        SignallingEvent::Disconnected { code, reason, will_reconnect } => {
            host.with(reason.as_str()).with(*will_reconnect).ask(Ask::Disconnected, code.0);
        }
        SignallingEvent::StateChange { from, to } => {
            host.with(*from as u32).ask(Ask::StateChange, *to as u32)
        }
        // Their strings are shown as they came: the way back here and there costs as much as all the rest.
        SignallingEvent::Message { message, frame } => {
            host.with(frame).ask(Ask::Message, message.from_metadata.is_some());
        }
        SignallingEvent::Presence { frame, .. } => host.with(frame).ask(Ask::Presence, 0),
        SignallingEvent::ServerError(error) => with_error(host, error).ask(Ask::ServerError, 0),
        SignallingEvent::GoingAway { retry_after_ms } => host.ask(Ask::GoingAway, *retry_after_ms as f64),
        SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
            with_failure(host, failure).ask(Ask::TokenProviderError, *consecutive_failures);
        }
    }
}

fn emit_room(host: &Host, event: &RoomEvent<Json>) {
    match event {
        RoomEvent::Joined { peer_id, channel } => {
            host.with(peer_id.as_str()).with(channel.as_str()).ask(Ask::Joined, 0);
        }
        RoomEvent::Left { peer_id, channel, reason } => {
            let host = host.with(peer_id.as_ref().map(|id| id.as_str()));
            let host = host.with(channel.as_ref().map(|channel| channel.as_str()));
            host.with(reason.as_deref()).ask(Ask::Left, 0);
        }
        RoomEvent::StateChange { from, to } => host.with(*from as u32).ask(Ask::StateChange, *to as u32),
        RoomEvent::PeerJoined(remote) => host.ask(Ask::PeerJoined, remote.0),
        RoomEvent::PeerLeft(remote, metadata) => host.with(metadata.as_ref()).ask(Ask::PeerLeft, remote.0),
        RoomEvent::Data { message, frame } => {
            host.with(frame).ask(Ask::Message, message.from_metadata.is_some());
        }
        RoomEvent::Error(RoomError::Terminal(code)) => host.ask(Ask::Terminal, code.0),
        RoomEvent::Error(RoomError::ReconcileTimeout) => host.ask(Ask::ReconcileTimeout, 0),
        RoomEvent::Error(RoomError::Server(error)) => with_error(host, error).ask(Ask::ServerError, 0),
        RoomEvent::Error(RoomError::TokenProvider(failures, failure)) => {
            with_failure(host, failure).ask(Ask::TokenProviderError, *failures);
        }
    }
}

fn emit_remote(host: &Host, remote: u32, event: &RemoteEvent<Json>) {
    match event {
        RemoteEvent::StateChange { from, to } => {
            host.with(*from as u32).with(*to as u32).ask(Ask::RemoteStateChange, remote);
        }
        RemoteEvent::ConnectionReset => host.ask(Ask::ConnectionReset, remote),
        RemoteEvent::TrackMeta(meta) => {
            let host = host.with(meta.track_id.as_str()).with(meta.metadata.as_ref());
            host.with(meta.kind.as_deref()).with(meta.stream_id.as_deref()).ask(Ask::TrackMeta, remote);
        }
        RemoteEvent::SignalsLost => host.ask(Ask::SignalsLost, remote),
        RemoteEvent::NegotiationError(error) => host.with(error).with(false).ask(Ask::RemoteError, remote),
        RemoteEvent::IceCandidateError(error) => host.with(error).with(true).ask(Ask::RemoteError, remote),
        RemoteEvent::IceRestartExhausted => host.ask(Ask::IceRestartExhausted, remote),
    }
}

/// Hands over what the server has refused, and why.
fn with_error<'a>(host: &'a Host, error: &ServerError) -> &'a Host {
    let request_id = error.request_id.as_ref().map(|id| id.as_str());
    host.with(error.code.as_str()).with(request_id).with(error.message.as_deref())
}

/// Hands over the number of a failure in `js/errors.js`, and what the provider threw.
fn with_failure<'a>(host: &'a Host, failure: &TokenFailure<Json>) -> &'a Host {
    match failure {
        TokenFailure::Threw(error) => host.with(0_u32).with(error),
        TokenFailure::NotAToken => host.with(1_u32),
        TokenFailure::TimedOut => host.with(2_u32),
    }
}
