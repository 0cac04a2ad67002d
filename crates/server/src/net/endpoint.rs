//! `/v1`: where WebSockets come in.

use std::net::SocketAddr;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::response::Response;

use super::socket;
use super::state::ServerState;
use crate::auth::Request;

/// Longest message that is read from a socket at all, in bytes. Anything longer than the server's limit closes the
/// connection with 1009; up to here it is read first, so that the client gets to see why.
const READ_CEILING: usize = 4 * 1024 * 1024;

/// What a socket buffers of its input and, before it writes, of its output, in bytes. Connections are many and
/// mostly idle.
const READ_BUFFER: usize = 4 * 1024;
const WRITE_BUFFER: usize = 16 * 1024;

/// Opens a WebSocket.
///
/// A socket that may not become a connection is opened all the same and closed at once with the code that says why:
/// of an HTTP error a browser would tell its page nothing.
pub(super) async fn open(
    State(state): State<ServerState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let mut request = Request::parse(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // A second header, or one that is no text, names no origin that a key could be meant for.
    let mut origins = headers.get_all(ORIGIN).iter();
    request.origin = match (origins.next(), origins.next()) {
        (Some(origin), None) => origin.to_str().ok().map(str::to_owned),
        _ => None,
    };
    let client = state.config().trusted_proxies.client(from.ip(), &headers);
    let admitted = state.admit(client, &request);
    let longest = READ_CEILING.max(state.config().limits.max_message_bytes() as usize);
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(move |socket| {
            let (tasks, kill) = (state.tasks().clone(), state.kill().clone());
            tasks.track_future(async move {
                let serve = async {
                    match admitted {
                        Ok(admitted) => socket::run(state, socket, admitted).await,
                        Err(end) => socket::refuse(&state, socket, end).await,
                    }
                };
                tokio::select! {
                    () = serve => {}
                    () = kill.cancelled() => {}
                }
            })
        })
}
