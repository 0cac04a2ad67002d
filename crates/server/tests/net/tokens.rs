//! Tokens, from the query to the close.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::{Server, in_an_hour, token};
use crate::http::request;

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn sign(secret: &str, claims: &Value) -> String {
    token("sk_id_dev", secret, claims)
}

#[tokio::test]
async fn a_token_that_no_url_has_room_for_is_answered_414_and_the_server_goes_on() {
    let server = Server::dev().await;
    for (length, status) in [(60_000, 400), (70_000, 414), (300_000, 414)] {
        let line = format!("GET /v1?token={}", "x".repeat(length));
        assert_eq!(request(server.address, &line, &[], "").await.status, status, "{length}");
    }
    assert_eq!(server.open(&format!("token={}", "x".repeat(60_000))).await.closed().await.0, 4001);
    server.connect().await.subscribe("room").await;
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

/// Opens a socket with a token and answers how it was closed.
async fn refusal(query: &str) -> (u16, String) {
    let server = Server::dev().await;
    let closed = server.open(query).await.closed().await;
    assert_eq!(server.state.connection_count(), 0);
    closed
}

fn good() -> Value {
    json!({"sub": "alice", "exp": in_an_hour()})
}

#[tokio::test]
async fn a_token_of_another_algorithm_is_told_4001() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let header = Header { kid: Some("sk_id_dev".into()), ..Header::new(algorithm) };
        let token = encode(&header, &good(), &EncodingKey::from_secret(b"sk_secret_dev")).unwrap();
        let closed = refusal(&format!("token={token}")).await;
        assert_eq!(closed, (4001, "token algorithm must be HS256".into()));
    }
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_told_4001() {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE"] {
        let header = part(json!({"alg": algorithm, "typ": "JWT", "kid": "sk_id_dev"}));
        for signature in ["", "x"] {
            assert_eq!(refusal(&format!("token={header}.{}.{signature}", part(good()))).await.0, 4001);
        }
    }
}

#[tokio::test]
async fn a_token_without_a_kid_or_with_a_strange_one_is_told_4001() {
    let header = Header::new(Algorithm::HS256);
    let token_without = encode(&header, &good(), &EncodingKey::from_secret(b"sk_secret_dev")).unwrap();
    assert_eq!(refusal(&format!("token={token_without}")).await, (4001, "token header has no kid".into()));
    for kid in ["", "sk_id_other", "../../dev", &"k".repeat(1000)] {
        let closed = refusal(&token(kid, "sk_secret_dev", &good())).await;
        assert_eq!(closed, (4001, "unknown kid or wrong signature".into()), "{kid}");
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_told_4001() {
    let mut claims = good();
    claims["nbf"] = json!(in_an_hour() - 60);
    assert_eq!(refusal(&sign("sk_secret_dev", &claims)).await, (4001, "token is not valid yet".into()));
}

#[tokio::test]
async fn a_huge_token_is_told_4001() {
    let mut claims = good();
    claims["padding"] = json!("x".repeat(30_000));
    assert_eq!(refusal(&sign("sk_secret_dev", &claims)).await, (4001, "token too long".into()));
}

#[tokio::test]
async fn oversized_metadata_are_told_4001_and_the_largest_that_fit_are_welcome() {
    let server = Server::dev().await;
    for (name, most) in [("metadata", 8192), ("peerMetadata", 4096)] {
        let of = |bytes: usize| {
            let mut claims = good();
            claims[name] = json!({"k": "x".repeat(bytes - r#"{"k":""}"#.len())});
            sign("sk_secret_dev", &claims)
        };
        server.connect_with(&of(most)).await;
        let (code, reason) = refusal(&of(most + 1)).await;
        assert!(code == 4001 && reason.contains(name), "{reason}");
    }
}
