//! The wire protocol, line by line.
//!
//! | what the protocol says | proven by |
//! |---|---|
//! | `/v1?key=…`, `/v1?token=…`, a welcome first | `conversation`, `tokens`, and here |
//! | a frame is one JSON object with a string `type`; what is not is answered | `conversation`, and here |
//! | `subscribe`, `unsubscribe`, `publish`, `send`, `ping` and their replies | here, and `hub::requests`, `hub::routing` |
//! | `welcome`, `ack`, `error`, `message`, `direct`, `presence`, `pong` | here |
//! | `going_away`, then 1001 | `shutdown` |
//! | the codes of errors that this server gives | here |
//! | 1001 / 1008 / 1009 / 4001, 4002 / 4010, 4011 / 4020 | `shutdown` / `load`, `limits` / `closes` / `tokens` / `closes` / `rest` |
//! | 4000, which only clients send | here |
//! | frames of 64 KiB, 100 messages per second, bursts of 200 | `closes`, `hub::limits` |
//! | 100 channels, names and their lengths, reserved prefixes | here, `hub::limits`, `hub::requests` |
//! | 60 connections per address and minute | here, `closes` |
//! | claims, their sizes, expiry, patterns and permissions | `tokens`, `hub::permissions` |
//! | a peer with several connections is one | `tokens`, `hub::presence` |
//! | joins and leaves that follow each other are told together | `hub::ticks`, and here |
//! | REST | `rest` |
//! | sessions are resumed | `resume`, `hub::resume` |
//!
//! `over_message_quota`, `backend_error`, `internal_error`, 4003 and 4012 are never said: there are no quotas or
//! accounts here, nothing behind this server that could fail, and a channel out of reach is an `error`.

use metered_server::{Action, ChannelPattern, Config, Grants};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::harness::{Client, Server, soon};
use crate::http::call;

/// A client with a token that the server has made.
async fn connect_as(server: &Server, wish: Value) -> Client {
    let token = call(server.address, "POST /v1/tokens", &wish.to_string()).await.json();
    server.connect_with(&format!("token={}", token["token"].as_str().unwrap())).await
}

#[tokio::test]
async fn every_request_with_an_id_is_answered_with_it_and_one_without_is_carried_out_in_silence() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    for request in [
        json!({"type": "publish", "channel": "room", "data": 1}),
        json!({"type": "send", "to": bob.peer_id, "data": 1}),
        json!({"type": "unsubscribe", "channel": "room"}),
    ] {
        let mut with_id = request.clone();
        with_id["requestId"] = json!("r-1");
        assert_eq!(alice.ask(with_id).await, json!({"type": "ack", "requestId": "r-1"}), "{request}");
        alice.say(request).await;
        assert_eq!(alice.ask(json!({"type": "ping"})).await, json!({"type": "pong"}), "and no ack before");
    }
    alice.say(json!({"type": "subscribe", "channel": "room"})).await;
    assert_eq!(alice.frame().await, json!({"type": "presence", "channel": "room", "joined": [], "left": []}));
    assert_eq!(bob.frame().await["type"], "direct");
}

#[tokio::test]
async fn a_subscribe_is_always_followed_by_a_snapshot_also_when_it_is_the_second() {
    let server = Server::dev().await;
    let mut alice = connect_as(&server, json!({"peerId": "alice", "peerMetadata": {"name": "A"}})).await;
    alice.subscribe("room").await;
    let mut bob = server.connect().await;
    let snapshot = json!({
        "type": "presence", "channel": "room", "left": [],
        "joined": [{"peerId": "alice", "metadata": {"name": "A"}}],
    });
    assert_eq!(bob.subscribe("room").await, snapshot);
    assert_eq!(bob.subscribe("room").await, snapshot);
}

#[tokio::test]
async fn who_has_unsubscribed_hears_no_more_and_is_told_to_have_left() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    alice.subscribe("room").await;
    bob.subscribe("room").await;
    assert_eq!(alice.frame().await["joined"], json!([{"peerId": bob.peer_id}]));
    bob.ask(json!({"type": "unsubscribe", "channel": "room", "requestId": "u"})).await;
    assert_eq!(alice.frame().await["left"], json!([{"peerId": bob.peer_id}]));
    alice.ask(json!({"type": "publish", "channel": "room", "data": 1, "requestId": "p"})).await;
    assert_eq!(bob.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn metadata_is_stamped_on_direct_messages_and_on_messages_for_those_who_ask() {
    let server = Server::dev().await;
    let metadata = json!({"name": "Alice", "é": [1, null]});
    let mut alice = connect_as(&server, json!({"peerId": "alice", "peerMetadata": metadata})).await;
    let (mut curious, mut plain) = (server.connect().await, server.connect().await);
    plain.subscribe("room").await;
    curious.say(json!({"type": "subscribe", "channel": "room", "includeSenderMetadata": true})).await;
    curious.frame().await;
    plain.frame().await;
    alice.ask(json!({"type": "publish", "channel": "room", "data": null, "requestId": "p"})).await;
    let message = json!({"type": "message", "channel": "room", "from": "alice", "data": null});
    assert_eq!(plain.frame().await, message);
    let mut stamped = message;
    stamped["fromMetadata"] = metadata.clone();
    assert_eq!(curious.frame().await, stamped);
    alice.ask(json!({"type": "send", "to": plain.peer_id, "data": {"x": 1}, "requestId": "d"})).await;
    assert_eq!(
        plain.frame().await,
        json!({"type": "direct", "from": "alice", "fromMetadata": metadata, "data": {"x": 1}})
    );
}

#[tokio::test]
async fn each_mistake_is_told_by_its_code() {
    let mut config = Config::dev();
    let patterns = [ChannelPattern::parse("room-*").unwrap(), ChannelPattern::parse("_**").unwrap()];
    let actions = [Action::Subscribe, Action::Send].into_iter().collect();
    config.apps[0].keys.publishable[0].grants = Grants::new(actions, patterns);
    let server = Server::start(config).await;
    let mut alice = server.connect().await;
    for (frame, code) in [
        (r#"{"type":5,"requestId":"r"}"#, "malformed_message"),
        (r#"["subscribe"]"#, "malformed_message"),
        (r#"{"type":"dance","requestId":"r"}"#, "unknown_type"),
        (r#"{"type":"subscribe","channel":"","requestId":"r"}"#, "invalid_channel"),
        (r#"{"type":"subscribe","channel":"room-\u0085","requestId":"r"}"#, "invalid_channel"),
        (r#"{"type":"send","to":"\u00e9","data":1,"requestId":"r"}"#, "invalid_peer_id"),
        (r#"{"type":"send","to":"nobody","data":1,"requestId":"r"}"#, "peer_not_found"),
        (r#"{"type":"send","to":"nobody","requestId":"r"}"#, "missing_data"),
        (r#"{"type":"publish","channel":"room-1","data":1,"requestId":"r"}"#, "action_not_permitted"),
        (r#"{"type":"subscribe","channel":"hall","requestId":"r"}"#, "channel_not_authorized"),
        (r#"{"type":"subscribe","channel":"_Metered/x","requestId":"r"}"#, "channel_reserved"),
        (r#"{"type":"subscribe","channel":"_internal/x","requestId":"r"}"#, "channel_reserved"),
        (r#"{"type":"subscribe","channel":"_SYSTEM/x","requestId":"r"}"#, "channel_reserved"),
    ] {
        alice.say_text(frame.to_owned()).await;
        let answer = alice.frame().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{frame}");
        if code != "malformed_message" {
            assert_eq!(answer["requestId"], "r", "{frame}");
        }
    }
    alice.subscribe("room-42").await;
}

#[tokio::test]
async fn the_101st_channel_is_one_too_many() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    for number in 0..100 {
        alice.say(json!({"type": "subscribe", "channel": format!("room-{number}")})).await;
        alice.frame().await;
    }
    let refused = alice.ask(json!({"type": "subscribe", "channel": "one-more", "requestId": "r"})).await;
    assert_eq!(refused["code"], "channel_limit_exceeded");
}

#[tokio::test]
async fn names_may_have_their_full_length_in_any_script() {
    let server = Server::dev().await;
    let mut alice = connect_as(&server, json!({"peerId": "~".repeat(128)})).await;
    assert_eq!(alice.peer_id, "~".repeat(128));
    alice.subscribe(&"ж".repeat(256)).await;
    let ping = json!({"type": "subscribe", "channel": "a", "requestId": "ж".repeat(128)});
    assert_eq!(alice.ask(ping).await["requestId"], "ж".repeat(128));
}

#[tokio::test]
async fn the_61st_connection_of_an_address_within_a_minute_is_told_4010() {
    let server = Server::start(Config { exempt_loopback: false, ..Config::dev() }).await;
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(server.connect().await);
    }
    assert_eq!(server.open("key=pk_live_dev").await.closed().await.0, 4010);
}

#[tokio::test]
async fn a_client_that_closes_with_4000_has_found_us_silent_and_finds_its_session_again() {
    let server = Server::dev().await;
    let mut bob = server.connect().await;
    bob.subscribe("room").await;
    let mut alice = server.open("key=pk_live_dev").await;
    let welcome = alice.frame().await;
    alice.subscribe("room").await;
    bob.frame().await;
    let inactivity = CloseFrame { code: 4000.into(), reason: "inactivity".into() };
    soon(alice.socket.close(Some(inactivity))).await.unwrap();
    alice.closed().await;
    bob.ask(json!({"type": "publish", "channel": "room", "data": "missed", "requestId": "p"})).await;
    let token = welcome["resume"]["token"].as_str().unwrap();
    let mut alice = server.open(&format!("key=pk_live_dev&seen=1&resume={token}")).await;
    assert_eq!(alice.frame().await["resumed"], true);
    assert_eq!(alice.frame().await["data"], "missed");
}

#[tokio::test]
async fn a_crowd_that_joins_at_once_is_told_of_in_few_frames() {
    let server = Server::dev().await;
    let mut watcher = server.connect().await;
    watcher.subscribe("room").await;
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(server.connect().await);
    }
    for client in &mut crowd {
        client.say(json!({"type": "subscribe", "channel": "room"})).await;
    }
    let (mut joined, mut frames) = (0, 0);
    while joined < 40 {
        joined += watcher.frame().await["joined"].as_array().unwrap().len();
        frames += 1;
    }
    assert_eq!(joined, 40);
    assert!(frames < 40, "{frames} frames");
}
