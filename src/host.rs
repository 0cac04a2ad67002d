//! The JavaScript side of a client, and the platform's objects by their shape.
//!
//! `Host` is the class of `js/host.js`. It is handed in with each call and never stored: a reference from here
//! to there, which leads back here, would be a cycle that no garbage collector sees.
//!
//! The platform's types are declared here instead of taken from `web-sys`, because an object may come from
//! `ws`, from `@roamhq/wrtc` or from a factory of the user's: nothing may depend on `instanceof`, and everything
//! that such an object does may throw, where `web-sys` declares many methods infallible.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// See `js/host.js`, method by method.
    pub type Host;

    // What the core asks of the platform.
    #[wasm_bindgen(method, catch, js_name = openSocket)]
    pub(crate) fn open_socket(this: &Host, id: u32, url: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn socket(this: &Host, id: u32) -> Option<WebSocket>;
    #[wasm_bindgen(method, js_name = fetchToken)]
    pub(crate) fn fetch_token(this: &Host, operation: u32);
    #[wasm_bindgen(method, js_name = openConnection)]
    pub(crate) fn open_connection(this: &Host, id: u32, remote: u32, peer_id: &str, ice_servers: Array);
    #[wasm_bindgen(method)]
    pub(crate) fn connection(this: &Host, id: u32) -> Option<RtcPeerConnection>;
    #[wasm_bindgen(method)]
    pub(crate) fn report(this: &Host, promise: &Promise, connection: u32, operation: u32);
    #[wasm_bindgen(method, js_name = setIceServers)]
    pub(crate) fn set_ice_servers(this: &Host, id: u32, ice_servers: Array);
    #[wasm_bindgen(method, js_name = closeConnection)]
    pub(crate) fn close_connection(this: &Host, id: u32);
    #[wasm_bindgen(method)]
    pub(crate) fn arm(this: &Host, delay: f64);
    #[wasm_bindgen(method)]
    pub(crate) fn log(this: &Host, level: u32, message: &str);

    // How a call ends.
    #[wasm_bindgen(method)]
    pub(crate) fn resolve(this: &Host, call: u32);
    #[wasm_bindgen(method, js_name = rejectConnect)]
    pub(crate) fn reject_connect(this: &Host, call: u32, code: u16, reason: &str);
    #[wasm_bindgen(method, js_name = rejectServer)]
    pub(crate) fn reject_server(this: &Host, call: u32, code: &str, request_id: &str, message: Option<&str>);
    #[wasm_bindgen(method, js_name = rejectAckTimeout)]
    pub(crate) fn reject_ack_timeout(this: &Host, call: u32, request_id: &str, timeout_ms: f64);
    #[wasm_bindgen(method, js_name = rejectOversized)]
    pub(crate) fn reject_oversized(this: &Host, call: u32, size: usize, cap: usize);
    #[wasm_bindgen(method, js_name = rejectToken)]
    pub(crate) fn reject_token(this: &Host, call: u32, kind: u32, error: &JsValue);
    #[wasm_bindgen(method)]
    pub(crate) fn reject(this: &Host, call: u32, kind: u32);

    // What the application hears of.
    #[wasm_bindgen(method, js_name = stateChange)]
    pub(crate) fn state_change(this: &Host, from: u32, to: u32);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn connected(
        this: &Host,
        peer_id: &str,
        server_time: f64,
        expires_at: Option<f64>,
        is_reconnect: bool,
        max_message_size: u32,
        ice_servers: Array,
        resumed: bool,
    );
    #[wasm_bindgen(method)]
    pub(crate) fn disconnected(this: &Host, code: u16, reason: &str, will_reconnect: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn message(this: &Host, frame: &JsValue, has_metadata: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn presence(this: &Host, frame: &JsValue);
    #[wasm_bindgen(method, js_name = serverError)]
    pub(crate) fn server_error(this: &Host, code: &str, request_id: Option<&str>, message: Option<&str>);
    #[wasm_bindgen(method, js_name = goingAway)]
    pub(crate) fn going_away(this: &Host, retry_after_ms: f64);
    #[wasm_bindgen(method, js_name = tokenProviderError)]
    pub(crate) fn token_provider_error(this: &Host, consecutive_failures: u32, kind: u32, error: &JsValue);
    #[wasm_bindgen(method)]
    pub(crate) fn joined(this: &Host, peer_id: &str, channel: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn left(this: &Host, peer_id: Option<&str>, channel: Option<&str>, reason: Option<&str>);
    #[wasm_bindgen(method, js_name = peerJoined)]
    pub(crate) fn peer_joined(this: &Host, remote: u32);
    #[wasm_bindgen(method, js_name = peerLeft)]
    pub(crate) fn peer_left(this: &Host, remote: u32, metadata: &JsValue);
    #[wasm_bindgen(method)]
    pub(crate) fn terminal(this: &Host, code: u16);
    #[wasm_bindgen(method, js_name = reconcileTimeout)]
    pub(crate) fn reconcile_timeout(this: &Host);
    #[wasm_bindgen(method, js_name = remoteStateChange)]
    pub(crate) fn remote_state_change(this: &Host, remote: u32, from: u32, to: u32);
    #[wasm_bindgen(method, js_name = connectionReset)]
    pub(crate) fn connection_reset(this: &Host, remote: u32);
    #[wasm_bindgen(method, js_name = trackMeta)]
    pub(crate) fn track_meta(
        this: &Host,
        remote: u32,
        track_id: &str,
        kind: Option<&str>,
        stream_id: Option<&str>,
        metadata: &JsValue,
    );
    #[wasm_bindgen(method, js_name = signalsLost)]
    pub(crate) fn signals_lost(this: &Host, remote: u32);
    #[wasm_bindgen(method, js_name = remoteError)]
    pub(crate) fn remote_error(this: &Host, remote: u32, is_candidate: bool, error: &JsValue);
    #[wasm_bindgen(method, js_name = iceRestartExhausted)]
    pub(crate) fn ice_restart_exhausted(this: &Host, remote: u32);

    /// A `WebSocket`.
    pub(crate) type WebSocket;
    #[wasm_bindgen(method, catch, structural)]
    pub(crate) fn send(this: &WebSocket, text: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(crate) fn close(this: &WebSocket, code: u16, reason: &str) -> Result<(), JsValue>;

    /// An `RTCPeerConnection`.
    pub(crate) type RtcPeerConnection;
    #[wasm_bindgen(method, catch, structural, js_name = createOffer)]
    pub(crate) fn create_offer(this: &RtcPeerConnection, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = createAnswer)]
    pub(crate) fn create_answer(this: &RtcPeerConnection) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setLocalDescription)]
    pub(crate) fn set_local_description(this: &RtcPeerConnection, d: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = setRemoteDescription)]
    pub(crate) fn set_remote_description(this: &RtcPeerConnection, d: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = addIceCandidate)]
    pub(crate) fn add_ice_candidate(this: &RtcPeerConnection, c: &JsValue) -> Result<Promise, JsValue>;

    /// `JSON.parse`, for text of our own.
    #[wasm_bindgen(catch, js_namespace = JSON, js_name = parse)]
    pub(crate) fn parse_json(text: &str) -> Result<JsValue, JsValue>;
    /// `performance.now()`, in milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn performance_now() -> f64;
}
