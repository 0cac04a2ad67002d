//! From a listener to a running server, and down again.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::accept::Door;
use super::socket::CLOSE_TIMEOUT;
use super::state::ServerState;
use super::{assets, endpoint};
use crate::rest;

/// How long a shutdown takes at most: clients that take nothing, or do not answer their close frame, are dropped.
const SHUTDOWN_TIMEOUT: Duration = CLOSE_TIMEOUT.saturating_add(Duration::from_millis(500));

/// Serves on a listener until `shutdown` completes.
///
/// Then it drains: for [`Config::drain_ms`](crate::Config::drain_ms) it goes on, but says that it is not ready. After
/// that no connection is taken any more; every client is sent `going_away` and closed with 1001. Returns when all
/// are gone, or after a few seconds. A state serves once: after a shutdown it turns every client away.
pub async fn serve(
    listener: TcpListener,
    state: ServerState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/v1", get(endpoint::open))
        .merge(rest::router())
        .merge(assets::router(state.config()))
        .with_state(state.clone());
    let stopping = CancellationToken::new();
    let door = Door::new(&state, router, stopping.clone());
    let mut server = pin!(door.run(listener));
    tokio::select! {
        () = &mut server => return Ok(()),
        () = state.run_timeouts() => {}
        () = state.run_cluster() => {}
        () = drained(&state, shutdown) => {}
    }
    tracing::info!(connections = state.connection_count(), "shutting down");
    state.shutdown();
    stopping.cancel();
    state.tasks().close();
    let drained = timeout(SHUTDOWN_TIMEOUT, async {
        server.await;
        state.tasks().wait().await;
    });
    if drained.await.is_err() {
        tracing::debug!("dropping the connections that did not end");
    }
    state.kill().cancel();
    Ok(())
}

/// Completes when the server has been asked to end and has drained.
async fn drained(state: &ServerState, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    state.drain();
    let drain_ms = state.config().drain_ms;
    if drain_ms > 0 {
        tracing::info!(drain_ms, "not ready any more");
        sleep(Duration::from_millis(drain_ms)).await;
    }
}
