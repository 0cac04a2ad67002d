//! What whoever runs a server asks it.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use subtle::ConstantTimeEq;

use super::state::ServerState;
use crate::rest::{Endpoint, bearer};

/// The content type of [`ServerState::write_metrics`].
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What needs no key of an app.
pub(crate) fn endpoints() -> [Endpoint; 3] {
    [
        // Always, while the process answers: a server that drains must not be killed for it.
        ("get", "/healthz", get(health)),
        ("get", "/readyz", get(readiness)),
        ("get", "/metrics", get(metrics)),
    ]
}

async fn health(State(state): State<ServerState>) -> &'static str {
    // A server that is cut off from the others still serves its own clients, so it is as ready as before.
    if state.is_cut_off() { "degraded: NATS cannot be reached, this server is on its own" } else { "ok" }
}

async fn readiness(State(state): State<ServerState>) -> (StatusCode, &'static str) {
    if state.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    }
}

async fn metrics(State(state): State<ServerState>, headers: HeaderMap) -> Response {
    if let Some(secret) = &state.config().metrics_secret
        && !bearer(&headers).is_some_and(|given| secret.expose().as_bytes().ct_eq(given).into())
    {
        let advice = "give the secret of [metrics] as `Authorization: Bearer <secret>`";
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], advice).into_response();
    }
    match state.write_metrics() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
