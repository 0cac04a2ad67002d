//! `/v1`: where WebSockets come in.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Query, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tungstenite::handshake::server::create_response_with_body;

use super::socket;
use super::state::ServerState;
use super::web_socket::WebSocket;
use crate::auth::Request;

/// Longest message that is read from a socket at all, in bytes. Anything longer than the server's limit closes the
/// connection with 1009; up to here it is read first, so that the client gets to see why.
const READ_CEILING: usize = 4 * 1024 * 1024;

/// Opens a WebSocket.
///
/// A socket that may not become a connection is opened all the same and closed at once with the code that says why:
/// of an HTTP error a browser would tell its page nothing.
pub(super) async fn open(
    State(state): State<ServerState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(query): Query<Vec<(String, String)>>,
    mut upgrade: HttpRequest,
) -> Response {
    let answer = match create_response_with_body(&upgrade, Body::empty) {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let headers = upgrade.headers();
    let mut request = Request::parse(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // A second header, or one that is no text, names no origin that a key could be meant for.
    let mut origins = headers.get_all(ORIGIN).iter();
    request.origin = match (origins.next(), origins.next()) {
        (Some(origin), None) => origin.to_str().ok().map(str::to_owned),
        _ => None,
    };
    let client = state.config().trusted_proxies.client(from.ip(), headers);
    let admitted = state.admit(client, &request).map(Box::new);
    let longest = READ_CEILING.max(state.config().limits.max_message_bytes() as usize);
    let upgraded = hyper::upgrade::on(&mut upgrade);
    let tasks = state.tasks().clone();
    tasks.spawn(async move {
        let kill = state.kill().clone();
        let serve = async {
            let socket = match upgraded.await {
                Ok(upgraded) => Box::new(WebSocket::new(TokioIo::new(upgraded), longest)),
                Err(error) => return tracing::debug!(%from, %error, "no WebSocket"),
            };
            match admitted {
                Ok(admitted) => socket::run(state, socket, admitted).await,
                Err(end) => socket::refuse(&state, socket, end).await,
            }
        };
        tokio::select! {
            () = serve => {}
            () = kill.cancelled() => {}
        }
    });
    answer
}
