//! Tokens, from the query to the close.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::Server;

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn in_an_hour() -> u64 {
    now().as_secs() + 3600
}

fn sign(secret: &str, claims: &Value) -> String {
    let header = Header { kid: Some("sk_id_dev".into()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
    format!("token={token}")
}

#[tokio::test]
async fn a_token_brings_its_peer_id_its_metadata_and_its_permissions() {
    let server = Server::dev().await;
    let exp = in_an_hour();
    let query = sign(
        "sk_secret_dev",
        &json!({
            "sub": "alice", "exp": exp, "channels": ["room-*"], "permissions": ["subscribe", "send"],
            "metadata": {"iceServers": [{"urls": "stun:stun.example"}]}, "peerMetadata": {"name": "Alice"},
        }),
    );
    let mut alice = server.open(&query).await;
    let welcome = alice.frame().await;
    assert_eq!((&welcome["peerId"], &welcome["expiresAt"]), (&json!("alice"), &json!(exp)));
    assert_eq!(welcome["metadata"], json!({"iceServers": [{"urls": "stun:stun.example"}]}));
    let subscribe = json!({"type": "subscribe", "channel": "hall", "requestId": "1"});
    assert_eq!(alice.ask(subscribe).await["code"], "channel_not_authorized");
    let publish = json!({"type": "publish", "channel": "room-1", "data": 1, "requestId": "1"});
    assert_eq!(alice.ask(publish).await["code"], "action_not_permitted");

    let mut bob = server.connect().await;
    let ack = alice.ask(json!({"type": "send", "to": bob.peer_id, "data": 1, "requestId": "1"})).await;
    assert_eq!(ack["type"], "ack");
    assert_eq!(bob.frame().await["fromMetadata"], json!({"name": "Alice"}));
}

#[tokio::test]
async fn whoever_has_no_good_credential_is_let_in_to_be_told_4001() {
    let server = Server::dev().await;
    let good = json!({"sub": "alice", "exp": in_an_hour()});
    for query in [
        "",
        "key=",
        "key=pk_live_other",
        "token=",
        "token=not.a.token",
        "token=%ff%fe",
        &sign("another secret", &good),
        &sign("sk_secret_dev", &json!({"sub": "alice"})),
        &sign("sk_secret_dev", &json!({"sub": "alice", "exp": in_an_hour(), "nbf": in_an_hour()})),
        &sign(
            "sk_secret_dev",
            &json!({"sub": "alice", "exp": in_an_hour(), "metadata": {"x": "x".repeat(9000)}}),
        ),
        &sign("sk_secret_dev", &json!({"sub": "alice", "exp": in_an_hour(), "x": "x".repeat(40_000)})),
    ] {
        let mut client = server.open(query).await;
        let (code, reason) = client.closed().await;
        assert_eq!(code, 4001, "{reason}");
        assert!(!reason.is_empty() && !reason.contains("pk_live"));
    }
    assert_eq!(server.state.connection_count(), 0);
}

#[tokio::test]
async fn a_token_that_has_expired_is_told_4002() {
    let server = Server::dev().await;
    let query = sign("sk_secret_dev", &json!({"sub": "alice", "exp": now().as_secs() - 10}));
    assert_eq!(server.open(&query).await.closed().await.0, 4002);
}

#[tokio::test]
async fn a_connection_is_closed_with_4002_shortly_before_its_token_expires() {
    let server = Server::dev().await;
    let exp = now().as_secs() + 2;
    let mut alice = server.connect_with(&sign("sk_secret_dev", &json!({"sub": "alice", "exp": exp}))).await;
    let (code, _) = alice.closed().await;
    let early = Duration::from_secs(exp).as_millis() as i128 - now().as_millis() as i128;
    assert_eq!(code, 4002);
    // How far behind the machine may be is not ours to say; how far ahead is.
    assert!(early <= 250, "{early} ms early");
}

#[tokio::test]
async fn a_peer_with_several_connections_is_one_peer() {
    let server = Server::impatient().await;
    let query = sign("sk_secret_dev", &json!({"sub": "alice", "exp": in_an_hour()}));
    let (mut tab1, mut tab2) = (server.connect_with(&query).await, server.connect_with(&query).await);
    tab1.subscribe("room").await;
    assert_eq!(tab2.subscribe("room").await["joined"], json!([]));
    let mut bob = server.connect().await;
    assert_eq!(bob.subscribe("room").await["joined"], json!([{"peerId": "alice"}]));
    assert_eq!(tab1.frame().await["joined"], json!([{"peerId": bob.peer_id}]));
    bob.say(json!({"type": "send", "to": "alice", "data": 1})).await;
    assert_eq!(
        (tab1.frame().await["data"].clone(), tab2.frame().await["type"].clone()),
        (json!(1), json!("presence"))
    );
    assert_eq!(tab2.frame().await["data"], 1);
    drop(tab1);
    drop(tab2);
    assert_eq!(bob.frame().await["left"], json!([{"peerId": "alice"}]));
}
