//! Sessions over real sockets that break.

use metered_protocol::Secret;
use metered_server::{Config, Limits};
use serde_json::{Value, json};

use crate::harness::{Client, Server, presence};

/// Opens a socket with the development key, and answers the welcome too.
async fn open(server: &Server, more: &str) -> (Client, Value) {
    let mut client = server.open(&format!("key=pk_live_dev{more}")).await;
    let welcome = client.frame().await;
    client.peer_id = welcome["peerId"].as_str().unwrap().to_owned();
    (client, welcome)
}

fn token(welcome: &Value) -> String {
    format!("&resume={}", welcome["resume"]["token"].as_str().unwrap())
}

async fn publish(from: &mut Client, data: impl Into<Value>) {
    let answer =
        from.ask(json!({"type": "publish", "channel": "room", "data": data.into(), "requestId": "p"})).await;
    assert_eq!(answer["type"], "ack");
}

#[tokio::test]
async fn a_socket_that_breaks_is_replaced_and_nothing_is_missed() {
    let server = Server::dev().await;
    let (mut alice, welcome) = open(&server, "").await;
    let mut bob = server.connect().await;
    alice.subscribe("room").await;
    bob.subscribe("room").await;
    assert_eq!(alice.frame().await, presence("room", &[&bob], &[]));
    drop(alice);
    publish(&mut bob, 1).await;
    publish(&mut bob, 2).await;
    let (mut alice, again) = open(&server, &(token(&welcome) + "&seen=2")).await;
    assert_eq!((&again["resumed"], &again["peerId"]), (&json!(true), &welcome["peerId"]));
    publish(&mut bob, 3).await;
    for number in 1..=3 {
        assert_eq!(alice.frame().await["data"], number);
    }
    publish(&mut alice, "here").await;
    assert_eq!(bob.frame().await["data"], "here", "and Bob has seen nobody leave");
}

#[tokio::test]
async fn a_socket_that_hangs_is_closed_when_another_takes_its_session() {
    let server = Server::dev().await;
    let (mut hanging, welcome) = open(&server, "").await;
    hanging.subscribe("room").await;
    let (mut alice, again) = open(&server, &(token(&welcome) + "&seen=1")).await;
    assert_eq!(again["resumed"], true);
    assert_eq!(hanging.closed().await.0, 1000);
    let mut bob = server.connect().await;
    assert_eq!(bob.subscribe("room").await, presence("room", &[&alice], &[]));
    assert_eq!(alice.frame().await, presence("room", &[&bob], &[]));
    assert_eq!(server.state.connection_count(), 2);
}

#[tokio::test]
async fn who_says_goodbye_is_gone_at_once() {
    let server = Server::dev().await;
    let mut bob = server.connect().await;
    bob.subscribe("room").await;
    let (mut alice, welcome) = open(&server, "").await;
    alice.subscribe("room").await;
    assert_eq!(bob.frame().await, presence("room", &[&alice], &[]));
    // Without a code, as `close()` says it.
    alice.socket.close(None).await.unwrap();
    assert_eq!(bob.frame().await, presence("room", &[], &[&alice.peer_id]));
    let (_, again) = open(&server, &(token(&welcome) + "&seen=1")).await;
    assert_eq!((&again["resumed"], &again["peerId"]), (&json!(false), &welcome["peerId"]));
}

#[tokio::test]
async fn what_the_client_answered_a_ping_after_is_not_kept() {
    let limits = Limits { messages_per_second: 0, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::dev() }).await;
    for (reads_on, resumed) in [(true, false), (false, true)] {
        let (mut alice, welcome) = open(&server, "").await;
        let mut bob = server.connect().await;
        alice.subscribe("room").await;
        publish(&mut bob, "x".repeat(40_000)).await;
        assert_eq!(alice.frame().await["type"], "message");
        if reads_on {
            // The server's ping follows the message; its answer precedes ours.
            alice.say(json!({"type": "ping"})).await;
            assert_eq!(alice.frame().await["type"], "pong");
            alice.say(json!({"type": "ping"})).await;
            assert_eq!(alice.frame().await["type"], "pong");
        }
        drop(alice);
        let (_, again) = open(&server, &(token(&welcome) + "&seen=1")).await;
        assert_eq!(again["resumed"], resumed);
    }
}

#[tokio::test]
async fn a_token_outlives_the_server_and_another_servers_is_worth_nothing() {
    let first = Server::dev().await;
    let (alice, welcome) = open(&first, "").await;
    drop(alice);
    first.stop().await.unwrap();
    let second = Server::dev().await;
    let (_, again) = open(&second, &(token(&welcome) + "&seen=0")).await;
    assert_eq!((&again["resumed"], &again["peerId"]), (&json!(false), &welcome["peerId"]));

    let mut config = Config::dev();
    config.apps[0].keys.secret[0].secret = Secret::new("another");
    let foreign = Server::start(config).await;
    let (_, fresh) = open(&foreign, &(token(&welcome) + "&seen=0")).await;
    assert_eq!(fresh["resumed"], false);
    assert_ne!(fresh["peerId"], welcome["peerId"]);
}
