//! Going away.

use metered_server::{Config, ServerState, serve};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Server, soon};

#[tokio::test]
async fn a_shutdown_tells_everyone_to_come_back_and_closes_with_1001() {
    let server =
        Server::start(Config { retry_after_ms: 1234, returning_per_second: 10, ..Config::dev() }).await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    alice.subscribe("room").await;
    bob.subscribe("room").await;
    alice.frame().await;
    let address = server.address;
    let stopped = server.stop();
    for (client, hint) in [(&mut alice, 1234), (&mut bob, 1334)] {
        assert_eq!(client.frame().await, json!({"type": "going_away", "retryAfterMs": hint}));
        assert_eq!(client.closed().await.0, 1001);
    }
    stopped.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_was_sent_before_the_shutdown_arrives_before_it() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    bob.subscribe("room").await;
    for number in 0..100 {
        alice.ask(json!({"type": "publish", "channel": "room", "data": number, "requestId": "p"})).await;
    }
    let stopped = server.stop();
    for number in 0..100 {
        assert_eq!(bob.frame().await["data"], number);
    }
    assert_eq!(bob.frame().await["type"], "going_away");
    assert_eq!(bob.closed().await.0, 1001);
    alice.closed().await;
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_clients_that_do_not_answer() {
    let server = Server::dev().await;
    let _silent = server.connect().await;
    // A request that never ends.
    let _half = TcpStream::connect(server.address).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_can_be_restarted_on_its_port_at_once() {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    let address = server.address;
    let stopped = server.stop();
    alice.closed().await;
    stopped.await.unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    soon(serve(listener, ServerState::new(Config::dev()), async {})).await.unwrap();
}
