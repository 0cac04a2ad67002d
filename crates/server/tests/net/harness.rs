//! A server on a free port.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use futures_util::StreamExt;
use metered_server::{Config, Limits, ServerState, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

pub(crate) use crate::client::{Client, in_an_hour, soon, token};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) state: ServerState,
    stop: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = ServerState::new(config);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(serve(listener, state.clone(), shutdown));
        Self { address, state, stop, running }
    }

    pub(crate) async fn dev() -> Self {
        Self::start(Config::dev()).await
    }

    /// A server that is set up by a file.
    pub(crate) async fn configured(text: &str) -> Self {
        Self::start(Config::read(text, "".as_ref(), &BTreeMap::new()).unwrap()).await
    }

    /// A server that soon gives up those whose sockets broke.
    pub(crate) async fn impatient() -> Self {
        let limits = Limits { resume_grace_ms: 100, ..Limits::default() };
        Self::start(Config { limits, ..Config::dev() }).await
    }

    /// A client with the development key.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_with("key=pk_live_dev").await
    }

    pub(crate) async fn connect_with(&self, query: &str) -> Client {
        Client::connect(self.address, query).await.0
    }

    /// A socket that is open, whatever comes next.
    pub(crate) async fn open(&self, query: &str) -> Client {
        self.open_with(query, &[]).await
    }

    /// A socket that is open, whose request had these headers.
    pub(crate) async fn open_with(&self, query: &str, headers: &[(&'static str, &str)]) -> Client {
        Client::open(self.address, query, headers).await
    }

    /// Begins a shutdown; its future completes when `serve` has returned.
    pub(crate) fn stop(self) -> impl Future<Output = io::Result<()>> {
        self.stop.send(()).unwrap();
        async { soon(self.running).await.unwrap() }
    }
}

impl Client {
    /// The next frame, or the close and its reason.
    pub(crate) async fn frame_or_close(&mut self) -> Result<Value, (u16, String)> {
        match soon(self.socket.next()).await {
            Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => Err((frame.code.into(), frame.reason.to_string())),
            other => panic!("no frame but {other:?}"),
        }
    }
}

/// A `presence` frame that tells of peers without metadata.
pub(crate) fn presence(channel: &str, joined: &[&Client], left: &[&str]) -> Value {
    let joined: Vec<_> = joined.iter().map(|client| json!({"peerId": client.peer_id})).collect();
    let left: Vec<_> = left.iter().map(|peer| json!({"peerId": peer})).collect();
    json!({"type": "presence", "channel": channel, "joined": joined, "left": left})
}
