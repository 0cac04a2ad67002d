//! From a listener to HTTP connections: TLS where there is a certificate, and nobody who takes for ever.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::socket::NEVER;
use super::state::ServerState;

/// How long no connection is taken after one could not be: there are too many files open, for a while.
const PAUSE: Duration = Duration::from_millis(100);

/// What every connection goes through.
#[derive(Clone)]
pub(super) struct Door {
    router: Router,
    tls: Option<TlsAcceptor>,
    /// How long a client may take over TLS, and then over the head of each request.
    handshake_timeout: Option<Duration>,
    /// No connection is taken any more, and those that are idle are closed.
    stopping: CancellationToken,
    /// Ends the connections that do not end by themselves.
    kill: CancellationToken,
}

impl Door {
    pub(super) fn new(state: &ServerState, router: Router, stopping: CancellationToken) -> Self {
        let timeout_ms = state.config().limits.handshake_timeout_ms;
        Self {
            router,
            tls: state.config().tls.as_ref().map(|tls| TlsAcceptor::from(tls.config())),
            handshake_timeout: (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms)),
            stopping,
            kill: state.kill().clone(),
        }
    }

    /// Takes connections until it is stopped, and then waits for those that it has taken. A WebSocket is none of
    /// them any more.
    pub(super) async fn run(self, listener: TcpListener) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, from)) => {
                    let (door, kill) = (self.clone(), self.kill.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = door.serve(socket, from) => {}
                            () = kill.cancelled() => {}
                        }
                    });
                }
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot take a connection");
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    async fn serve(self, socket: TcpStream, from: SocketAddr) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let Some(tls) = &self.tls else { return self.serve_http(socket, from).await };
        match timeout(self.handshake_timeout.unwrap_or(NEVER), tls.accept(socket)).await {
            Ok(Ok(stream)) => self.serve_http(stream, from).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "no TLS"),
            Err(_) => tracing::debug!(%from, "TLS took too long"),
        }
    }

    async fn serve_http<S>(&self, stream: S, from: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(from));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.handshake_timeout)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%from, %error, "HTTP connection failed");
        }
    }
}

/// Whether a connection could not be taken because its client is gone already.
fn is_of_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
