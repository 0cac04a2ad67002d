//! `/v1/channels/:id`: who is there, and something to tell them.

use axum::Json as Answer;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use metered_protocol::PeerId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::{Json, channel, metadata, present};
use super::caller::Caller;
use super::problem::Problem;
use crate::{Action, ServerState};

/// In whose name a message comes if the request does not say.
const SYSTEM: &str = "system";

#[derive(Serialize)]
pub(super) struct Peers {
    channel: String,
    peers: Vec<Peer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    peer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

/// `GET …/peers`
pub(super) async fn peers(
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
) -> Result<Answer<Peers>, Problem> {
    let channel = channel(name)?;
    caller.check(Action::Presence, &channel)?;
    let peers = caller.app.channel_peers(&channel).into_iter().map(|peer| Peer {
        peer_id: peer.peer_id.as_str().to_owned(),
        metadata: peer.metadata.and_then(|metadata| RawValue::from_string(metadata.as_str().to_owned()).ok()),
    });
    Ok(Answer(Peers { peers: peers.collect(), channel: channel.as_str().to_owned() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    // Read by hand, because an Option would take `null` for absent: null is a payload.
    #[serde(default, deserialize_with = "present")]
    data: Option<Box<RawValue>>,
    from: Option<String>,
    peer_metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
pub(super) struct Published {
    channel: String,
    /// How many connections the message went to.
    delivered: usize,
}

/// `POST …/publish`
pub(super) async fn publish(
    State(state): State<ServerState>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
    Json(message): Json<Message>,
) -> Result<Answer<Published>, Problem> {
    let channel = channel(name)?;
    caller.check(Action::Publish, &channel)?;
    let data = message.data.ok_or(Problem::invalid("data is missing"))?;
    let from = PeerId::parse(message.from.as_deref().unwrap_or(SYSTEM))
        .map_err(|why| Problem::invalid(format!("from {why}")))?;
    let limit = state.config().limits.peer_metadata_bytes;
    let from_metadata = metadata("peerMetadata", message.peer_metadata.as_deref(), limit)?;
    // As far as is known: what a server that is cut off has reached cannot be.
    let delivered = caller.app.publish(channel.clone(), from, from_metadata, (&*data).into()).await.count;
    Ok(Answer(Published { channel: channel.as_str().to_owned(), delivered }))
}
