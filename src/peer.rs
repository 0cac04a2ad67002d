//! `MeteredPeer`: one room, and a connection to everybody in it.

use std::rc::Rc;

use js_sys::{Array, Promise};
use metered_core::Call;
use metered_protocol::CloseCode;
use wasm_bindgen::prelude::*;

use crate::bindings;
use crate::client::{measure, parse_channel, parse_peer_id, promised};
use crate::driver::Driver;
use crate::options::{self, Options};

/// The room. See `index.d.ts` for the documentation of each member.
#[wasm_bindgen(skip_typescript)]
pub struct MeteredPeer {
    driver: Rc<Driver>,
}

#[wasm_bindgen]
impl MeteredPeer {
    /// Checks the options. Nothing connects yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<MeteredPeer, JsValue> {
        let parsed = Options::parse(options)?;
        let factory = match options::function(options, "rtcPeerConnectionFactory")? {
            Some(factory) => factory,
            None => bindings::peer_connection_factory()?,
        };
        Ok(Self { driver: Driver::new(parsed, Some(factory)) })
    }

    /// `idle`, `joining`, `joined`, `reconnecting`, `leaving` or `closed`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.driver.read(|core| core.room_state()).as_str().to_owned()
    }

    /// Our peer id, or null before the first welcome.
    #[wasm_bindgen(getter, js_name = peerId)]
    pub fn peer_id(&self) -> JsValue {
        self.driver.read(|core| core.peer_id().cloned()).map_or(JsValue::NULL, |id| id.as_str().into())
    }

    /// The joined channel, or null.
    #[wasm_bindgen(getter)]
    pub fn channel(&self) -> JsValue {
        self.driver.read(|core| core.channel().cloned()).map_or(JsValue::NULL, |c| c.as_str().into())
    }

    /// Everybody else in the room.
    #[wasm_bindgen(getter, js_name = remotePeers)]
    pub fn remote_peers(&self) -> Array {
        self.driver.remotes().iter().map(|remote| remote.object()).collect()
    }

    /// The remote with a peer id, if it is in the room.
    #[wasm_bindgen(js_name = remotePeer)]
    pub fn remote_peer(&self, peer_id: &str) -> JsValue {
        self.driver.remote(peer_id).map_or(JsValue::UNDEFINED, |remote| remote.object())
    }

    /// The event dispatch.
    #[wasm_bindgen(getter)]
    pub fn emitter(&self) -> JsValue {
        self.driver.emitter().into()
    }

    /// Connects and enters a channel.
    pub fn join(&self, channel: &JsValue, options: &JsValue) -> Promise {
        promised(|| {
            let channel = parse_channel(channel)?;
            let include_sender_metadata =
                options::boolean(options, "includeSenderMetadata")?.unwrap_or(false);
            Ok(self.driver.call(Call::Join { channel, include_sender_metadata }))
        })
    }

    /// Sends to everybody in the room, by way of the server.
    pub fn send(&self, data: &JsValue) -> Promise {
        promised(|| Ok(self.driver.call(Call::Broadcast { data: measure(data)? })))
    }

    /// Sends to one peer, by way of the server.
    #[wasm_bindgen(js_name = sendTo)]
    pub fn send_to(&self, peer_id: &JsValue, data: &JsValue) -> Promise {
        promised(|| {
            let (to, data) = (parse_peer_id(peer_id)?, measure(data)?);
            Ok(self.driver.call(Call::SendTo { to, data }))
        })
    }

    /// Leaves for good.
    pub fn close(&self, reason: Option<String>) -> Promise {
        self.driver.call(Call::Close { code: CloseCode::NORMAL, reason })
    }

    /// What may be logged of a room.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> JsValue {
        let (state, peer_id, channel) =
            self.driver.read(|core| (core.room_state(), core.peer_id().cloned(), core.channel().cloned()));
        bindings::summary(
            state.as_str(),
            peer_id.as_ref().map(|id| id.as_str()),
            channel.as_ref().map(|channel| channel.as_str()),
        )
    }
}
