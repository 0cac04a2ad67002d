//! Clients that speak plain WebSocket.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
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

pub(crate) struct Client {
    pub(crate) peer_id: String,
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// A socket that is open, whose request had these headers, whatever comes next.
    pub(crate) async fn open(address: SocketAddr, query: &str, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{address}/v1?{query}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let (socket, _) = soon(client_async(request, stream)).await.unwrap();
        Self { peer_id: String::new(), socket }
    }

    /// A client that is connected, and its welcome.
    pub(crate) async fn connect(address: SocketAddr, query: &str) -> (Self, Value) {
        let mut client = Self::open(address, query, &[]).await;
        let welcome = client.frame().await;
        assert_eq!(welcome["type"], "welcome");
        client.peer_id = welcome["peerId"].as_str().unwrap().to_owned();
        (client, welcome)
    }

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
