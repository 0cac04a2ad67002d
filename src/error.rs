//! Errors of the public API.

use metered_core::{CallError, RoomError, TokenFailure};
use wasm_bindgen::prelude::*;

use crate::json::Json;

#[wasm_bindgen(module = "/js/errors.js")]
extern "C" {
    #[wasm_bindgen(js_namespace = errors, js_name = connect)]
    fn connect_error(code: u16, reason: &str) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = server)]
    fn server_error(code: &str, request_id: &str, message: Option<&str>) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = notConnected)]
    fn not_connected() -> JsValue;
    #[wasm_bindgen(js_namespace = errors)]
    fn disconnected() -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = ackTimeout)]
    fn ack_timeout(request_id: &str, timeout_ms: f64) -> JsValue;
    #[wasm_bindgen(js_namespace = errors)]
    pub(crate) fn oversized(size: usize, cap: usize) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = peerOversized)]
    fn peer_oversized(size: usize, cap: usize) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = peerSend)]
    pub(crate) fn peer_send(code: &str) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = peerState)]
    fn peer_state(method: &str, state: &str) -> JsValue;
    #[wasm_bindgen(js_namespace = errors)]
    pub(crate) fn overflow(queued: usize, cap: usize) -> JsValue;
    /// An `Error` with a name.
    #[wasm_bindgen(js_namespace = errors)]
    pub(crate) fn named(name: &str, message: &str) -> JsValue;
    /// A `TypeError`.
    #[wasm_bindgen(js_namespace = errors, js_name = type)]
    pub(crate) fn type_error(message: &str) -> JsValue;
    /// A `TypeError` that names the argument, what it must be, and what it was.
    #[wasm_bindgen(js_namespace = errors)]
    pub(crate) fn invalid(argument: &str, must: &str, got: &JsValue) -> JsValue;
    #[wasm_bindgen(js_namespace = errors, js_name = invalidState)]
    fn invalid_state(method: &str, state: &str) -> JsValue;
    #[wasm_bindgen(js_namespace = errors)]
    fn terminal(code: u16) -> JsValue;
}

/// The error that a call's promise rejects with. The two kinds of client have different classes for the same
/// refusals.
pub(crate) fn call_error(error: &CallError<Json>, is_room: bool) -> JsValue {
    match error {
        CallError::Connect(code, reason) => connect_error(code.0, reason),
        CallError::Token(failure) => token_error(failure),
        CallError::Server { code, request_id, message } => {
            server_error(code.as_str(), request_id, message.as_deref())
        }
        CallError::NotConnected => not_connected(),
        CallError::Disconnected => disconnected(),
        CallError::AckTimeout { request_id, timeout_ms } => ack_timeout(request_id, *timeout_ms as f64),
        CallError::Oversized { size, cap } if is_room => peer_oversized(*size, *cap),
        CallError::Oversized { size, cap } => oversized(*size, *cap),
        CallError::InvalidState { method, state } if is_room => peer_state(method, state),
        CallError::InvalidState { method, state } => invalid_state(method, state),
        CallError::Send(refusal) => peer_send(refusal.as_str()),
        CallError::Closed => named("AbortError", "close() was called"),
    }
}

/// Why there is no token: the provider's own error where it gave one.
pub(crate) fn token_error(failure: &TokenFailure<Json>) -> JsValue {
    match failure {
        TokenFailure::Threw(Json(error)) => error.clone(),
        TokenFailure::NotAToken => {
            named("TokenProviderError", "tokenProvider must answer a non-empty string")
        }
        TokenFailure::TimedOut => {
            named("TokenProviderError", "tokenProvider did not answer within tokenProviderTimeoutMs")
        }
    }
}

/// The error of a `MeteredPeer`'s `error` event.
pub(crate) fn room_error(error: &RoomError<Json>) -> JsValue {
    match error {
        RoomError::Terminal(code) => terminal(code.0),
        RoomError::Server(code, message) => {
            named(code.as_str(), message.as_deref().unwrap_or("server error"))
        }
        RoomError::TokenProvider(_, _) => {
            named("TokenProviderError", "tokenProvider failed several times in a row")
        }
    }
}
