//! Clients that behave.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Server, presence, soon};

#[tokio::test]
async fn a_key_is_welcomed_with_a_fresh_uuid() {
    let server = Server::dev().await;
    let mut alice = server.open("key=pk_live_dev").await;
    let welcome = alice.frame().await;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["expiresAt"], json!(null));
    assert_eq!(welcome["maxMessageSize"], 65536);
    assert!(welcome["serverTime"].as_u64().unwrap() > 1_700_000_000);
    let id = uuid::Uuid::parse_str(welcome["peerId"].as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 4);
    assert_ne!(server.connect().await.peer_id, id.to_string());
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_ignored() {
    let server = Server::dev().await;
    server.connect_with("v=2&key=pk_live_dev&resume=x%20y&flag").await;
}

#[tokio::test]
async fn two_peers_meet_talk_and_part() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    assert_eq!(alice.subscribe("room").await, presence("room", &[], &[]));
    assert_eq!(bob.subscribe("room").await, presence("room", &[&alice], &[]));
    assert_eq!(alice.frame().await, presence("room", &[&bob], &[]));

    let ack =
        bob.ask(json!({"type": "publish", "channel": "room", "data": {"é": [1.5, null]}, "requestId": "p"}));
    assert_eq!(ack.await, json!({"type": "ack", "requestId": "p"}));
    assert_eq!(
        alice.frame().await,
        json!({"type": "message", "channel": "room", "from": bob.peer_id, "data": {"é": [1.5, null]}})
    );

    let ack =
        alice.ask(json!({"type": "send", "to": bob.peer_id, "data": {"type": "rtc-ice"}, "requestId": "d"}));
    assert_eq!(ack.await["type"], "ack");
    assert_eq!(
        bob.frame().await,
        json!({"type": "direct", "from": alice.peer_id, "data": {"type": "rtc-ice"}})
    );

    let id = bob.peer_id.clone();
    soon(bob.socket.close(None)).await.unwrap();
    while let Some(Ok(_)) = soon(bob.socket.next()).await {}
    assert_eq!(alice.frame().await, presence("room", &[], &[&id]));
    let gone = alice.ask(json!({"type": "send", "to": id, "data": 1, "requestId": "d"})).await;
    assert_eq!(gone["code"], "peer_not_found");
}

#[tokio::test]
async fn a_peer_whose_socket_breaks_leaves() {
    let server = Server::impatient().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    alice.subscribe("room").await;
    bob.subscribe("room").await;
    assert_eq!(alice.frame().await, presence("room", &[&bob], &[]));
    let id = bob.peer_id.clone();
    drop(bob);
    assert_eq!(alice.frame().await, presence("room", &[], &[&id]));
    assert_eq!(server.state.connection_count(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_harms_nothing() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    alice.say_text("{".into()).await;
    assert_eq!(alice.frame().await["code"], "malformed_message");
    let answer = alice.ask(json!({"type": "dance", "requestId": "r"})).await;
    assert_eq!((&answer["code"], &answer["requestId"]), (&json!("unknown_type"), &json!("r")));
    soon(alice.socket.send(Message::binary(vec![1, 2, 3]))).await.unwrap();
    assert_eq!(alice.frame().await["code"], "malformed_message");
    assert_eq!(alice.ask(json!({"type": "ping"})).await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_websocket_ping_is_answered() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    soon(alice.socket.send(Message::Ping(vec![7].into()))).await.unwrap();
    let Some(Ok(Message::Pong(payload))) = soon(alice.socket.next()).await else { panic!("no pong") };
    assert_eq!(payload[..], [7]);
}

#[tokio::test]
async fn a_client_is_pinged_between_the_ack_of_a_subscribe_and_the_snapshot() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    alice.say(json!({"type": "subscribe", "channel": "room", "requestId": "1"})).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match soon(alice.socket.next()).await {
            Some(Ok(Message::Text(text))) => {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                seen.push(frame["type"].as_str().unwrap().to_owned());
            }
            Some(Ok(Message::Ping(_))) => seen.push("a ping".into()),
            other => panic!("no frame but {other:?}"),
        }
    }
    assert_eq!(seen, ["ack", "a ping", "presence"]);
}
