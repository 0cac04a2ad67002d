//! `SignallingClient`: publish and subscribe, and direct messages, over one connection that keeps itself up.

use std::rc::Rc;

use js_sys::Promise;
use metered_core::{Call, Measured};
use metered_protocol::{Channel, CloseCode, InvalidName, PeerId};
use wasm_bindgen::prelude::*;

use crate::bindings;
use crate::driver::Driver;
use crate::error::invalid;
use crate::json::Json;
use crate::options::{self, Options};

/// The signalling client. See `index.d.ts` for the documentation of each member.
#[wasm_bindgen(skip_typescript)]
pub struct SignallingClient {
    driver: Rc<Driver>,
}

#[wasm_bindgen]
impl SignallingClient {
    /// Checks the options. Nothing connects yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<SignallingClient, JsValue> {
        Ok(Self { driver: Driver::new(Options::parse(options)?, None) })
    }

    /// `idle`, `connecting`, `connected`, `reconnecting` or `closed`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.driver.read(|core| core.signalling_state()).as_str().to_owned()
    }

    /// Our peer id, once welcomed.
    #[wasm_bindgen(getter, js_name = peerId)]
    pub fn peer_id(&self) -> Option<String> {
        self.driver.read(|core| core.peer_id().map(ToString::to_string))
    }

    /// The event dispatch.
    #[wasm_bindgen(getter)]
    pub fn emitter(&self) -> JsValue {
        self.driver.emitter().into()
    }

    /// Opens the connection; resolves with the server's welcome.
    pub fn connect(&self) -> Promise {
        self.driver.call(Call::Connect)
    }

    /// Closes the connection for good.
    pub fn close(&self, code: Option<u16>, reason: Option<String>) -> Promise {
        let code = code.map_or(CloseCode::NORMAL, CloseCode);
        let reason = reason.or_else(|| Some("client requested close".to_owned()));
        self.driver.call(Call::Close { code, reason })
    }

    /// Subscribes to a channel.
    pub fn subscribe(&self, channel: &JsValue, options: &JsValue) -> Promise {
        promised(|| {
            let channel = parse_channel(channel)?;
            let include_sender_metadata =
                options::boolean(options, "includeSenderMetadata")?.unwrap_or(false);
            Ok(self.driver.call(Call::Subscribe { channel, include_sender_metadata }))
        })
    }

    /// Gives a channel up.
    pub fn unsubscribe(&self, channel: &JsValue) -> Promise {
        promised(|| Ok(self.driver.call(Call::Unsubscribe { channel: parse_channel(channel)? })))
    }

    /// Sends to every other subscriber of a channel.
    pub fn publish(&self, channel: &JsValue, data: &JsValue) -> Promise {
        promised(|| {
            let (channel, data) = (parse_channel(channel)?, measure(data)?);
            Ok(self.driver.call(Call::Publish { channel, data }))
        })
    }

    /// Sends to one peer.
    pub fn send(&self, to: &JsValue, data: &JsValue) -> Promise {
        promised(|| {
            let (to, data) = (parse_peer_id(to)?, measure(data)?);
            Ok(self.driver.call(Call::SendTo { to, data }))
        })
    }

    /// What may be logged of a client.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> JsValue {
        bindings::client_summary(&self.state())
    }
}

/// Runs a method that answers a promise: what it throws, the promise rejects with.
pub(crate) fn promised(method: impl FnOnce() -> Result<Promise, JsValue>) -> Promise {
    method().unwrap_or_else(|error| Promise::reject(&error))
}

/// Checks a channel name.
pub(crate) fn parse_channel(channel: &JsValue) -> Result<Channel, JsValue> {
    parse_name("channel", channel, Channel::parse)
}

/// Checks a peer id.
pub(crate) fn parse_peer_id(peer_id: &JsValue) -> Result<PeerId, JsValue> {
    parse_name("peerId", peer_id, PeerId::parse)
}

fn parse_name<T>(
    argument: &str,
    value: &JsValue,
    parse: impl FnOnce(&str) -> Result<T, InvalidName>,
) -> Result<T, JsValue> {
    let Some(name) = value.as_string() else {
        return Err(invalid(argument, "must be a string", value));
    };
    parse(&name).map_err(|why| invalid(argument, why.must(), value))
}

/// Writes a payload as JSON and counts its bytes.
pub(crate) fn measure(data: &JsValue) -> Result<Measured<Json>, JsValue> {
    let text = bindings::encode_payload(data)?;
    let bytes = bindings::utf8_length(&text);
    Ok(Measured { value: Json(text), bytes })
}
