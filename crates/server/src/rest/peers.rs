//! `DELETE /v1/peers/:id`: every connection of a peer is closed.
//!
//! Any secret key may do this: its holder is the peers' own backend.

use axum::Json as Answer;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde::Serialize;

use super::body::peer;
use super::caller::Caller;
use super::problem::Problem;
use crate::net::Total;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kicked {
    peer_id: String,
    /// How many sockets that closed. None is no mistake: the peer is not connected, which is what was wanted.
    closed: usize,
}

pub(super) async fn kick(
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Answer<Kicked>, Problem> {
    let peer = peer(id)?;
    let Total { count: closed, is_complete } = caller.app.kick(&peer).await;
    tracing::info!(app = caller.app.id, key = caller.key.id, %peer, closed, is_complete, "peer disconnected by an administrator");
    if !is_complete {
        return Err(Problem::OTHERS_UNREACHABLE);
    }
    Ok(Answer(Kicked { peer_id: peer.as_str().to_owned(), closed }))
}
