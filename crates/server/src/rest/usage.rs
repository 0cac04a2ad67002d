//! `GET /v1/usage`: what the server does and has done.

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;

use super::caller::Caller;
use crate::ServerState;

/// Named as Metered's own service names it. Its period is the life of the process.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    app_id: String,
    period_start_unix: u64,
    period_end_unix: Option<u64>,
    concurrent_now: usize,
    peak_concurrent: usize,
    messages_used: u64,
    peers: usize,
    channels: usize,
}

pub(super) async fn report(State(state): State<ServerState>, caller: Caller) -> Answer<Report> {
    let usage = caller.app.usage();
    Answer(Report {
        app_id: caller.app.id.clone(),
        period_start_unix: state.started_at().0 / 1000,
        period_end_unix: None,
        concurrent_now: usage.connections,
        peak_concurrent: usage.peak_connections,
        messages_used: usage.messages,
        peers: usage.peers,
        channels: usage.channels,
    })
}
