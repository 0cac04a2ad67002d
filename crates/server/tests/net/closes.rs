//! Limits, and the codes that tell of them.

use metered_server::{Config, Limits};
use serde_json::json;

use crate::harness::Server;

fn publish_of(length: usize) -> String {
    let head = r#"{"type":"publish","channel":"room","data":""#;
    format!("{head}{}\"}}", "x".repeat(length - head.len() - 2))
}

#[tokio::test]
async fn a_frame_of_64_kib_passes_and_a_longer_one_is_told_1009() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    bob.subscribe("room").await;
    alice.say_text(publish_of(65_536)).await;
    assert_eq!(bob.frame().await["type"], "message");
    alice.say_text(publish_of(65_537)).await;
    assert_eq!(alice.closed().await.0, 1009);
    let mut carol = server.connect().await;
    carol.say_text(publish_of(2_000_000)).await;
    assert_eq!(carol.closed().await.0, 1009);
}

#[tokio::test]
async fn too_many_messages_are_told_4011() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    for _ in 0..200 {
        alice.say(json!({"type": "ping"})).await;
    }
    assert_eq!(alice.ask(json!({"type": "ping"})).await["type"], "pong");
    for _ in 0..200 {
        alice.say(json!({"type": "ping"})).await;
    }
    assert_eq!(alice.closed().await.0, 4011);
}

#[tokio::test]
async fn too_many_connections_from_one_address_are_told_4010() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let server = Server::start(Config { limits, exempt_loopback: false, ..Config::dev() }).await;
    let _alice = server.connect().await;
    assert_eq!(server.open("key=wrong").await.closed().await.0, 4001, "a refused one counts too");
    assert_eq!(server.open("key=pk_live_dev").await.closed().await.0, 4010);
}

#[tokio::test]
async fn development_exempts_its_own_machine_from_the_connection_rate() {
    let server = Server::dev().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(server.connect().await);
    }
    assert_eq!(server.state.connection_count(), 100);
}
