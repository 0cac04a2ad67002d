//! One WebSocket: its listeners, and frames in both directions.

use std::rc::Rc;

use js_sys::Function;
use metered_core::{Input, Payload, SocketEvent, SocketId};
use metered_protocol::{ClientFrame, CloseCode, Secret, ToJson, limits};
use wasm_bindgen::prelude::*;

use crate::bindings::{self, Event, WebSocket};
use crate::callback::Listener;
use crate::driver::Driver;
use crate::json::Json;

/// An open or opening socket. Its listeners hold the driver: a client lives as long as its socket.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    pub(crate) fn open(
        driver: &Rc<Driver>,
        id: SocketId,
        factory: &Function,
        url: &Secret,
    ) -> Result<Self, JsValue> {
        let socket: WebSocket = factory.call1(&JsValue::UNDEFINED, &url.expose().into())?.unchecked_into();
        let owner = Rc::clone(driver);
        let on_message = Listener::new(&socket, "message", move |event| {
            owner.input(Input::Socket(id, frame(&event)));
        })?;
        let owner = Rc::clone(driver);
        let on_close = Listener::new(&socket, "close", move |event| owner.socket_closed(id, closed(&event)))?;
        // An error is always followed by a close, which says more; but an error that nobody listens to ends a
        // Node process.
        let on_error = Listener::new(&socket, "error", |_| {})?;
        Ok(Self { socket, _listeners: [on_message, on_close, on_error] })
    }

    pub(crate) fn send(&self, frame: &ClientFrame<Payload<Json>>) -> Result<(), JsValue> {
        match frame.head() {
            (head, None) => bindings::send_frame(&self.socket, &head, &JsValue::UNDEFINED),
            (head, Some(Payload::User(Json(payload)))) => bindings::send_frame(&self.socket, &head, payload),
            (mut text, Some(Payload::Signal(signal))) => {
                signal.write_json(&mut text);
                text.push('}');
                bindings::send_frame(&self.socket, &text, &JsValue::UNDEFINED)
            }
        }
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &str) -> Result<(), JsValue> {
        self.socket.close(code.0, reason)
    }
}

fn frame(event: &Event) -> SocketEvent<Json> {
    // UTF-16 code units are never more than bytes.
    let value = bindings::parse_frame(&event.data(), limits::MAX_CLIENT_INBOUND_FRAME);
    if value.is_undefined() { SocketEvent::Garbage } else { SocketEvent::Frame(Json(value)) }
}

fn closed(event: &Event) -> SocketEvent<Json> {
    SocketEvent::Closed {
        code: event.code().as_f64().map_or(CloseCode::ABNORMAL, |code| CloseCode(code as u16)),
        reason: event.reason().as_string().unwrap_or_default(),
    }
}
