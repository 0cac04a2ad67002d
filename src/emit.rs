//! Events on their way to the user's handlers.

use js_sys::Array;
use metered_core::{RemoteEvent, RoomEvent, SignallingEvent};
use metered_protocol::PresencePeer;
use wasm_bindgen::prelude::*;

use crate::bindings::{Emitter, presence_peer};
use crate::connection::ice_server_list;
use crate::error::{room_error, token_error};
use crate::json::Json;

#[wasm_bindgen(module = "/js/events.js")]
extern "C" {
    #[wasm_bindgen(js_namespace = events, js_name = stateChange)]
    fn state_change(emitter: &Emitter, from: &str, to: &str);
    #[wasm_bindgen(js_namespace = events)]
    #[allow(clippy::too_many_arguments)]
    fn connected(
        emitter: &Emitter,
        peer_id: &str,
        server_time: f64,
        expires_at: Option<f64>,
        is_reconnect: bool,
        max_message_size: u32,
        ice_servers: Array,
        resumed: bool,
    );
    #[wasm_bindgen(js_namespace = events)]
    fn disconnected(emitter: &Emitter, code: u16, reason: &str, will_reconnect: bool);
    #[wasm_bindgen(js_namespace = events)]
    fn message(emitter: &Emitter, channel: &str, from: &str, from_metadata: &JsValue, data: &JsValue);
    #[wasm_bindgen(js_namespace = events)]
    fn direct(emitter: &Emitter, from: &str, from_metadata: &JsValue, data: &JsValue);
    #[wasm_bindgen(js_namespace = events)]
    fn presence(emitter: &Emitter, channel: &str, joined: Array, left: Array);
    #[wasm_bindgen(js_namespace = events, js_name = serverError)]
    fn server_error(emitter: &Emitter, code: &str, message: Option<&str>);
    #[wasm_bindgen(js_namespace = events, js_name = goingAway)]
    fn going_away(emitter: &Emitter, retry_after_ms: f64);
    #[wasm_bindgen(js_namespace = events, js_name = tokenProviderError)]
    fn token_provider_error(emitter: &Emitter, consecutive_failures: u32, error: &JsValue);

    #[wasm_bindgen(js_namespace = events)]
    fn joined(emitter: &Emitter, peer_id: &str, channel: &str);
    #[wasm_bindgen(js_namespace = events)]
    fn left(emitter: &Emitter, peer_id: Option<&str>, channel: Option<&str>, reason: Option<&str>);
    #[wasm_bindgen(js_namespace = events, js_name = peerJoined)]
    pub(crate) fn peer_joined(emitter: &Emitter, peer: &JsValue);
    #[wasm_bindgen(js_namespace = events, js_name = peerLeft)]
    pub(crate) fn peer_left(emitter: &Emitter, peer: &JsValue);
    #[wasm_bindgen(js_namespace = events)]
    fn data(emitter: &Emitter, from: &str, from_metadata: &JsValue, data: &JsValue, kind: &str);
    #[wasm_bindgen(js_namespace = events)]
    pub(crate) fn error(emitter: &Emitter, error: &JsValue);

    #[wasm_bindgen(js_namespace = events, js_name = connectionReset)]
    fn connection_reset(emitter: &Emitter);
    #[wasm_bindgen(js_namespace = events, js_name = negotiationError)]
    fn negotiation_error(emitter: &Emitter, error: &JsValue);
    #[wasm_bindgen(js_namespace = events, js_name = iceCandidateError)]
    fn ice_candidate_error(emitter: &Emitter, error: &JsValue);
    #[wasm_bindgen(js_namespace = events, js_name = dataChannel)]
    pub(crate) fn data_channel(emitter: &Emitter, channel: &JsValue);

    #[wasm_bindgen(js_namespace = events)]
    pub(crate) fn open(emitter: &Emitter);
    #[wasm_bindgen(js_namespace = events)]
    pub(crate) fn close(emitter: &Emitter);
    #[wasm_bindgen(js_namespace = events, js_name = bufferedAmountLow)]
    pub(crate) fn buffered_amount_low(emitter: &Emitter);
}

pub(crate) fn signalling(emitter: &Emitter, event: &SignallingEvent<Json>) {
    match event {
        SignallingEvent::Connected(c) => connected(
            emitter,
            c.peer_id.as_str(),
            c.server_time,
            c.expires_at,
            c.is_reconnect,
            c.max_message_size,
            ice_server_list(&c.ice_servers),
            c.resumed,
        ),
        SignallingEvent::Disconnected { code, reason, will_reconnect } => {
            disconnected(emitter, code.0, reason, *will_reconnect);
        }
        SignallingEvent::StateChange { from, to } => state_change(emitter, from.as_str(), to.as_str()),
        SignallingEvent::Message { channel, from, from_metadata, data } => {
            message(emitter, channel.as_str(), from.as_str(), &value(from_metadata), &data.0);
        }
        SignallingEvent::Direct { from, from_metadata, data } => {
            direct(emitter, from.as_str(), &value(from_metadata), &data.0);
        }
        SignallingEvent::Presence { channel, joined, left } => {
            presence(emitter, channel.as_str(), peers(joined), peers(left));
        }
        SignallingEvent::ServerError { code, message } => {
            server_error(emitter, code.as_str(), message.as_deref());
        }
        SignallingEvent::GoingAway { retry_after_ms } => going_away(emitter, *retry_after_ms as f64),
        SignallingEvent::TokenProviderError { consecutive_failures, failure } => {
            token_provider_error(emitter, *consecutive_failures, &token_error(failure));
        }
    }
}

/// Emits an event of a room; those that carry a remote are the driver's, which knows their objects.
pub(crate) fn room(emitter: &Emitter, event: &RoomEvent<Json>) {
    match event {
        RoomEvent::Joined { peer_id, channel } => joined(emitter, peer_id.as_str(), channel.as_str()),
        RoomEvent::Left { peer_id, channel, reason } => {
            let peer_id = peer_id.as_ref().map(|id| id.as_str());
            left(emitter, peer_id, channel.as_ref().map(|c| c.as_str()), reason.as_deref());
        }
        RoomEvent::StateChange { from, to } => state_change(emitter, from.as_str(), to.as_str()),
        RoomEvent::Data { from, from_metadata, data: payload, kind } => {
            data(emitter, from.as_str(), &value(from_metadata), &payload.0, kind.as_str());
        }
        RoomEvent::Error(why) => error(emitter, &room_error(why)),
        RoomEvent::PeerJoined(_) | RoomEvent::PeerLeft(..) => {}
    }
}

pub(crate) fn remote(emitter: &Emitter, event: &RemoteEvent<Json>) {
    match event {
        RemoteEvent::StateChange { from, to } => state_change(emitter, from.as_str(), to.as_str()),
        RemoteEvent::ConnectionReset => connection_reset(emitter),
        RemoteEvent::NegotiationError(Json(error)) => negotiation_error(emitter, error),
        RemoteEvent::IceCandidateError(Json(error)) => ice_candidate_error(emitter, error),
    }
}

fn peers(peers: &[PresencePeer<Json>]) -> Array {
    let array = Array::new();
    for peer in peers {
        array.push(&presence_peer(peer.peer_id.as_str(), &value(&peer.metadata)));
    }
    array
}

fn value(json: &Option<Json>) -> JsValue {
    json.as_ref().map_or(JsValue::UNDEFINED, |json| json.0.clone())
}
