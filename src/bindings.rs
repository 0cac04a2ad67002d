//! JavaScript as Rust sees it: our own modules under `js/`, and the platform's objects by their shape.
//!
//! The platform's types are declared here instead of taken from `web-sys`, because an object may come from
//! `ws`, from `@roamhq/wrtc` or from a factory of the user's: nothing may depend on `instanceof`, and everything
//! that such an object does may throw, where `web-sys` declares many methods infallible.

use js_sys::{Array, Function, Object, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = webSocketFactory)]
    pub(crate) fn web_socket_factory() -> Result<Function, JsValue>;
    #[wasm_bindgen(catch, js_name = peerConnectionFactory)]
    pub(crate) fn peer_connection_factory() -> Result<Function, JsValue>;
    pub(crate) fn field(value: &JsValue, name: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = parseFrame)]
    pub(crate) fn parse_frame(data: &JsValue, max_length: usize) -> JsValue;
    #[wasm_bindgen(catch)]
    pub(crate) fn option(options: &JsValue, name: &str, kind: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = sendFrame)]
    pub(crate) fn send_frame(socket: &WebSocket, head: &str, payload: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = encodePayload)]
    pub(crate) fn encode_payload(data: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = utf8Length)]
    pub(crate) fn utf8_length(text: &JsValue) -> usize;
    #[wasm_bindgen(js_name = payloadBytes)]
    pub(crate) fn payload_bytes(data: &JsValue) -> Option<f64>;
    pub(crate) fn report(slot: &Slot, promise: &Promise, subject: u32, operation: u32);
    #[wasm_bindgen(js_name = callProvider)]
    pub(crate) fn call_provider(provider: &Function) -> Promise;
    pub(crate) fn log(logger: &JsValue, level: &str, message: &str);

    /// Promises that this side settles later.
    pub(crate) type Calls;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Calls;
    #[wasm_bindgen(method)]
    pub(crate) fn begin(this: &Calls, id: u32) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn settle(this: &Calls, id: u32, error: &JsValue);
}

#[wasm_bindgen(module = "/js/emitter.js")]
extern "C" {
    /// The event dispatch of one object of the public API.
    pub(crate) type Emitter;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new(logger: &JsValue) -> Emitter;
    #[wasm_bindgen(method)]
    pub(crate) fn end(this: &Emitter);
}

#[wasm_bindgen(module = "/js/data_channel.js")]
extern "C" {
    pub(crate) fn attach(channel: &RtcDataChannel, emitter: &Emitter, slot: &Slot) -> Function;
}

#[wasm_bindgen(module = "/js/events.js")]
extern "C" {
    #[wasm_bindgen(js_name = presencePeer)]
    pub(crate) fn presence_peer(peer_id: &str, metadata: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = iceServer)]
    pub(crate) fn ice_server(urls: Array, username: Option<&str>, credential: Option<&str>) -> JsValue;
    pub(crate) fn summary(state: &str, peer_id: Option<&str>, channel: Option<&str>) -> JsValue;
    #[wasm_bindgen(js_name = remoteSummary)]
    pub(crate) fn remote_summary(id: &str, state: &str) -> JsValue;
    #[wasm_bindgen(js_name = clientSummary)]
    pub(crate) fn client_summary(state: &str) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    /// `{callback}`: where a closure is found as long as its owner lives. See [`crate::callback`].
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Slot;
    #[wasm_bindgen(method, setter, structural)]
    pub(crate) fn set_callback(this: &Slot, callback: &JsValue);

    /// `performance.now()`, in milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn performance_now() -> f64;

    /// Anything with `addEventListener`.
    #[derive(Clone)]
    pub(crate) type EventTarget;
    #[wasm_bindgen(method, catch, structural, js_name = addEventListener)]
    pub(crate) fn add_event_listener(this: &EventTarget, name: &str, f: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = removeEventListener)]
    pub(crate) fn remove_event_listener(this: &EventTarget, name: &str, f: &JsValue) -> Result<(), JsValue>;

    /// An event, or a plain object in its place.
    pub(crate) type Event;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn data(this: &Event) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn code(this: &Event) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn reason(this: &Event) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn candidate(this: &Event) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn channel(this: &Event) -> JsValue;

    /// A `WebSocket`.
    #[wasm_bindgen(extends = EventTarget)]
    pub(crate) type WebSocket;
    #[wasm_bindgen(method, catch, structural)]
    pub(crate) fn close(this: &WebSocket, code: u16, reason: &str) -> Result<(), JsValue>;

    /// An `RTCPeerConnection`.
    #[wasm_bindgen(extends = EventTarget)]
    #[derive(Clone)]
    pub(crate) type RtcPeerConnection;
    #[wasm_bindgen(method, getter, structural, js_name = connectionState)]
    pub(crate) fn connection_state(this: &RtcPeerConnection) -> JsValue;
    #[wasm_bindgen(method, catch, structural, js_name = createOffer)]
    pub(crate) fn create_offer(this: &RtcPeerConnection) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = createAnswer)]
    pub(crate) fn create_answer(this: &RtcPeerConnection) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setLocalDescription)]
    pub(crate) fn set_local_description(this: &RtcPeerConnection, d: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setRemoteDescription)]
    pub(crate) fn set_remote_description(this: &RtcPeerConnection, d: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = addIceCandidate)]
    pub(crate) fn add_ice_candidate(this: &RtcPeerConnection, c: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = createDataChannel)]
    pub(crate) fn create_data_channel(
        this: &RtcPeerConnection,
        label: &str,
        init: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = close)]
    pub(crate) fn close_connection(this: &RtcPeerConnection) -> Result<(), JsValue>;

    /// An `RTCDataChannel`.
    pub(crate) type RtcDataChannel;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn label(this: &RtcDataChannel) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = readyState)]
    pub(crate) fn ready_state(this: &RtcDataChannel) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = bufferedAmount)]
    pub(crate) fn buffered_amount(this: &RtcDataChannel) -> f64;
    #[wasm_bindgen(method, setter, structural, js_name = bufferedAmountLowThreshold)]
    pub(crate) fn set_buffered_amount_low_threshold(this: &RtcDataChannel, bytes: f64);
    #[wasm_bindgen(method, setter, structural, js_name = binaryType)]
    pub(crate) fn set_binary_type(this: &RtcDataChannel, kind: &str);
    #[wasm_bindgen(method, catch, structural, js_name = send)]
    pub(crate) fn send(this: &RtcDataChannel, data: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = close)]
    pub(crate) fn close_channel(this: &RtcDataChannel) -> Result<(), JsValue>;
}
