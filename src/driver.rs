//! The driver: keeps the core's driving contract and owns everything the core speaks of.
//!
//! Whatever happens calls [`Driver::input`], which hands it to the core and then carries out outputs until there
//! are none. An output that leads back here, because a handler called a method, only adds an input: the loop
//! that is already running carries out what follows from it, in order.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise};
use metered_core::{
    Call, CallError, CallId, Command, ConnectionEvent, ConnectionId, Core, Event, Input, Instant, Level,
    OperationId, Output, RemoteId, RoomEvent, SocketEvent, SocketId, TokenFailure,
};
use metered_protocol::{CloseCode, PeerId, Secret};
use wasm_bindgen::prelude::*;

use crate::bindings::{self, Calls, Emitter};
use crate::callback::Callback;
use crate::connection::{self, Connection};
use crate::emit;
use crate::error::call_error;
use crate::json::Json;
use crate::options::Options;
use crate::remote::RemotePeer;
use crate::socket::Socket;
use crate::table::Table;

/// What [`Callback`] reports: whose operation, which, whether it succeeded, and with what.
type Settled = dyn Fn(u32, u32, bool, JsValue);

/// The subject of a token fetch among the connections of [`Settled`]; ids of connections begin at 1.
const TOKEN: u32 = 0;

pub(crate) struct Driver {
    core: RefCell<Core<Json>>,
    draining: Cell<bool>,
    emitter: Emitter,
    logger: JsValue,
    token_provider: Option<Function>,
    web_socket_factory: Function,
    /// Present in a `MeteredPeer`.
    peer_connection_factory: Option<Function>,
    calls: Calls,
    last_call: Cell<u32>,
    sockets: Table<SocketId, Rc<Socket>>,
    connections: Table<ConnectionId, Rc<Connection>>,
    remotes: Table<RemoteId, RemotePeer>,
    timer: RefCell<Option<(Instant, Timeout)>>,
    settled: Callback<Settled>,
    this: Weak<Driver>,
}

impl Driver {
    /// A driver for a `SignallingClient`, or, with a factory for connections, for a `MeteredPeer`.
    pub(crate) fn new(options: Options, peer_connection_factory: Option<Function>) -> Rc<Self> {
        // Jitter needs no cryptography.
        let seed = (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
        let core = match peer_connection_factory {
            Some(_) => Core::room(options.config, seed),
            None => Core::signalling(options.config, seed),
        };
        Rc::new_cyclic(|this: &Weak<Driver>| {
            let weak = this.clone();
            let settled = move |subject, operation, ok, value| {
                if let Some(driver) = weak.upgrade() {
                    driver.settled(subject, OperationId(operation), ok, value);
                }
            };
            Driver {
                core: RefCell::new(core),
                draining: Cell::new(false),
                emitter: Emitter::new(&options.logger),
                logger: options.logger,
                token_provider: options.token_provider,
                web_socket_factory: options.web_socket_factory,
                peer_connection_factory,
                calls: Calls::new(),
                last_call: Cell::new(0),
                sockets: Table::new(),
                connections: Table::new(),
                remotes: Table::new(),
                timer: RefCell::default(),
                settled: Callback::new(Closure::wrap(Box::new(settled) as Box<Settled>)),
                this: this.clone(),
            }
        })
    }

    pub(crate) fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// Reads the core's state. `read` must not call JavaScript.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Core<Json>) -> T) -> T {
        read(&self.core.borrow())
    }

    /// The remotes that are in the room, in the order of their ids.
    pub(crate) fn remotes(&self) -> Vec<RemotePeer> {
        let present: Vec<RemoteId> = self.read(|core| core.remotes().map(|(id, _)| id).collect());
        present.iter().filter_map(|id| self.remotes.get(*id)).collect()
    }

    /// The remote with a peer id.
    pub(crate) fn remote(&self, peer_id: &str) -> Option<RemotePeer> {
        let id =
            self.read(|core| core.remotes().find(|(_, other)| other.as_str() == peer_id).map(|(id, _)| id))?;
        self.remotes.get(id)
    }

    /// Makes a call whose promise the core settles.
    pub(crate) fn call(&self, call: Call<Json>) -> Promise {
        let mut last = self.last_call.get();
        let id = CallId::take(&mut last);
        self.last_call.set(last);
        let promise = self.calls.begin(id.0);
        self.input(Input::Call(id, call));
        promise
    }

    /// Hands an input to the core and carries out what it answers.
    pub(crate) fn input(&self, input: Input<Json>) {
        self.core.borrow_mut().handle_input(now(), input);
        if self.draining.replace(true) {
            return;
        }
        loop {
            let output = self.core.borrow_mut().poll_output();
            match output {
                Some(Output::Command(command)) => self.command(&command),
                Some(Output::Event(event)) => self.event(&event),
                Some(Output::Settle(call, result)) => self.settle(call, &result),
                Some(Output::Log(level, message)) => self.log(level, message),
                None => break,
            }
        }
        self.draining.set(false);
        self.arm_timer();
    }

    /// A socket closed: lets go of it, and tells the core.
    pub(crate) fn socket_closed(&self, id: SocketId, event: SocketEvent<Json>) {
        let socket = self.sockets.remove(id);
        self.input(Input::Socket(id, event));
        drop(socket);
    }

    /// A remote opened a data channel on its present connection.
    pub(crate) fn data_channel(&self, remote: RemoteId, channel: &JsValue) {
        if let Some(remote) = self.remotes.get(remote) {
            emit::data_channel(remote.emitter(), channel);
        }
    }

    fn command(&self, command: &Command<Json>) {
        match command {
            Command::OpenSocket(id, url) => self.open_socket(*id, url),
            Command::SendFrame(id, frame) => {
                // A socket that does not take a frame is closing; its close is what the core hears of.
                if self.sockets.get(*id).is_some_and(|socket| socket.send(frame).is_err()) {
                    self.log(Level::Warn, "a frame could not be sent");
                }
            }
            Command::CloseSocket(id, code, reason) => {
                if self.sockets.get(*id).is_some_and(|socket| socket.close(*code, reason).is_err()) {
                    self.log(Level::Warn, "a socket could not be closed in the regular way");
                }
            }
            Command::FetchToken(op) => {
                if let Some(provider) = &self.token_provider {
                    let promise = bindings::call_provider(provider);
                    bindings::report(self.settled.slot(), &promise, TOKEN, op.0);
                }
            }
            Command::CreateConnection { connection, remote, peer_id, ice_servers } => {
                let created = match (&self.peer_connection_factory, self.this.upgrade()) {
                    (Some(factory), Some(driver)) => {
                        Connection::open(&driver, *connection, *remote, factory, ice_servers)
                    }
                    _ => return,
                };
                self.introduce(*connection, *remote, peer_id, created);
            }
            Command::Operate(id, op, operation) => self.operate(*id, *op, operation),
            Command::CloseConnection(id) => {
                self.connections.remove(*id);
            }
        }
    }

    fn open_socket(&self, id: SocketId, url: &Secret) {
        let Some(driver) = self.this.upgrade() else { return };
        match Socket::open(&driver, id, &self.web_socket_factory, url) {
            Ok(socket) => {
                self.sockets.insert(id, Rc::new(socket));
            }
            Err(_) => {
                let reason = "the WebSocket could not be constructed".to_owned();
                self.input(Input::Socket(id, SocketEvent::Closed { code: CloseCode::ABNORMAL, reason }));
            }
        }
    }

    /// Gives a remote its connection, and if it is its first, makes the remote known.
    fn introduce(
        &self,
        id: ConnectionId,
        remote: RemoteId,
        peer_id: &PeerId,
        created: Result<Connection, JsValue>,
    ) {
        let pc = created.as_ref().map_or(JsValue::NULL, |connection| connection.pc().into());
        match self.remotes.get(remote) {
            Some(known) => known.set_pc(pc),
            None => {
                let peer = RemotePeer::new(self.this.clone(), remote, peer_id.clone(), pc, &self.logger);
                self.remotes.insert(remote, peer);
            }
        }
        match created {
            Ok(connection) => {
                self.connections.insert(id, Rc::new(connection));
            }
            Err(error) => emit::error(&self.emitter, &error),
        }
    }

    fn operate(&self, id: ConnectionId, op: OperationId, operation: &metered_core::Operation) {
        let Some(connection) = self.connections.get(id) else { return };
        match connection.operate(operation) {
            Ok(promise) => bindings::report(self.settled.slot(), &promise, id.0, op.0),
            Err(error) => {
                self.input(Input::Connection(id, ConnectionEvent::Done(op, Err(Json(error)))));
            }
        }
    }

    /// An operation of a connection, or a token fetch, ended.
    fn settled(&self, subject: u32, op: OperationId, ok: bool, value: JsValue) {
        if subject != TOKEN {
            let result = if ok { Ok(connection::outcome(value)) } else { Err(Json(value)) };
            self.input(Input::Connection(ConnectionId(subject), ConnectionEvent::Done(op, result)));
            return;
        }
        let token = match (ok, value.as_string()) {
            (true, Some(token)) => Ok(Secret::new(token)),
            (true, None) => Err(TokenFailure::NotAToken),
            (false, _) => Err(TokenFailure::Threw(Json(value))),
        };
        self.input(Input::Token(op, token));
    }

    fn event(&self, event: &Event<Json>) {
        match event {
            Event::Signalling(event) => emit::signalling(&self.emitter, event),
            Event::Room(RoomEvent::PeerJoined(id)) => {
                if let Some(remote) = self.remotes.get(*id) {
                    emit::peer_joined(&self.emitter, &remote.object());
                }
            }
            Event::Room(RoomEvent::PeerLeft(id, metadata)) => {
                if let Some(remote) = self.remotes.remove(*id) {
                    remote.left(metadata);
                    emit::peer_left(&self.emitter, &remote.object());
                    remote.release();
                }
            }
            Event::Room(event) => emit::room(&self.emitter, event),
            Event::Remote(id, event) => {
                if let Some(remote) = self.remotes.get(*id) {
                    emit::remote(remote.emitter(), event);
                }
            }
        }
    }

    fn settle(&self, call: CallId, result: &Result<(), CallError<Json>>) {
        let error =
            result.as_ref().err().map(|error| call_error(error, self.peer_connection_factory.is_some()));
        self.calls.settle(call.0, &error.unwrap_or_default());
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
        };
        bindings::log(&self.logger, level, message);
    }

    /// Sees to it that the core hears of its next deadline. A timer that is due earlier than needed stays: what
    /// comes early does nothing, and most deadlines move with every frame.
    fn arm_timer(&self) {
        let next = self.core.borrow().poll_timeout();
        let mut timer = self.timer.borrow_mut();
        match (next, &*timer) {
            (None, _) => *timer = None,
            (Some(next), Some((armed, _))) if *armed <= next => {}
            (Some(next), _) => {
                // Late by less than a millisecond rather than early: early would be once more.
                let delay = u32::try_from(next.since(now()).saturating_add(1)).unwrap_or(u32::MAX >> 1);
                let Some(driver) = self.this.upgrade() else { return };
                let delay = delay.min(u32::MAX >> 1);
                *timer = Some((next, Timeout::new(delay, move || driver.timer_fired())));
            }
        }
    }

    fn timer_fired(&self) {
        *self.timer.borrow_mut() = None;
        self.input(Input::Timeout);
    }
}

fn now() -> Instant {
    Instant(bindings::performance_now() as u64)
}
