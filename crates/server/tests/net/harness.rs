//! A server on a free port, and clients that speak plain WebSocket.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use metered_server::{Config, Limits, ServerState, serve};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// No step of a test takes this long unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fails instead of waiting for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it took too long")
}

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
        let mut client = self.open(query).await;
        let welcome = client.frame().await;
        assert_eq!(welcome["type"], "welcome");
        client.peer_id = welcome["peerId"].as_str().unwrap().to_owned();
        client
    }

    /// A socket that is open, whatever comes next.
    pub(crate) async fn open(&self, query: &str) -> Client {
        self.open_with(query, &[]).await
    }

    /// A socket that is open, whose request had these headers.
    pub(crate) async fn open_with(&self, query: &str, headers: &[(&'static str, &str)]) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{}/v1?{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let (socket, _) = soon(client_async(request, stream)).await.unwrap();
        Client { peer_id: String::new(), socket }
    }

    /// Begins a shutdown; its future completes when `serve` has returned.
    pub(crate) fn stop(self) -> impl Future<Output = io::Result<()>> {
        self.stop.send(()).unwrap();
        async { soon(self.running).await.unwrap() }
    }
}

pub(crate) struct Client {
    pub(crate) peer_id: String,
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn say(&mut self, frame: Value) {
        self.say_text(frame.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: String) {
        soon(self.socket.send(Message::text(text))).await.unwrap();
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    /// The next frame, or the close and its reason.
    pub(crate) async fn frame_or_close(&mut self) -> Result<Value, (u16, String)> {
        match soon(self.socket.next()).await {
            Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => Err((frame.code.into(), frame.reason.to_string())),
            other => panic!("no frame but {other:?}"),
        }
    }

    /// Says a frame and answers what comes back.
    pub(crate) async fn ask(&mut self, frame: Value) -> Value {
        self.say(frame).await;
        self.frame().await
    }

    /// Subscribes and answers the snapshot.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> Value {
        let ack = self.ask(json!({"type": "subscribe", "channel": channel, "requestId": "s"})).await;
        assert_eq!(ack, json!({"type": "ack", "requestId": "s"}));
        self.frame().await
    }

    /// Reads on to the close and answers its code and reason.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    // Reading on sends our answer.
                    while let Some(Ok(_)) = soon(self.socket.next()).await {}
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        }
    }
}

/// The query of a client with a token.
pub(crate) fn token(kid: &str, secret: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
    format!("token={token}")
}

pub(crate) fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600
}

/// A `presence` frame that tells of peers without metadata.
pub(crate) fn presence(channel: &str, joined: &[&Client], left: &[&str]) -> Value {
    let joined: Vec<_> = joined.iter().map(|client| json!({"peerId": client.peer_id})).collect();
    let left: Vec<_> = left.iter().map(|peer| json!({"peerId": peer})).collect();
    json!({"type": "presence", "channel": channel, "joined": joined, "left": left})
}
