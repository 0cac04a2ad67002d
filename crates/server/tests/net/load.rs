//! Clients that are slow, and clients that are dead.

use std::sync::Arc;

use metered_server::{Config, Limits};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use crate::harness::{Client, Server, presence, soon};

#[tokio::test]
async fn a_slow_consumer_is_told_1008_and_nobody_else_misses_anything() {
    let limits = Limits { messages_per_second: 0, outbound_queue_bytes: 256 * 1024, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::dev() }).await;
    let mut publisher = server.connect().await;
    let (mut quick, mut slow) = (server.connect().await, server.connect().await);
    quick.subscribe("room").await;
    slow.subscribe("room").await;
    assert_eq!(quick.frame().await, presence("room", &[&slow], &[]));

    // The slow one does not read. What the kernel holds for it is bounded, and so is the queue.
    let text = "x".repeat(60_000);
    let mut number = 0;
    let left = loop {
        publisher
            .ask(json!({"type": "publish", "channel": "room", "data": [number, text], "requestId": "p"}))
            .await;
        let frame = quick.frame().await;
        if frame["type"] == "presence" {
            break frame;
        }
        assert_eq!(frame["data"][0], number);
        number += 1;
        assert!(number < 2000, "the slow one was never closed");
    };
    assert_eq!(left, presence("room", &[], &[&slow.peer_id]));
    assert_eq!(quick.frame().await["data"][0], number, "the message that was one too many for the other");
    assert_eq!(slow.closed().await, (1008, "too slow: the outbound queue is full".to_owned()));
    assert_eq!(server.state.too_slow_count(), 1, "it is counted");
    assert_eq!(server.state.connection_count(), 2);
}

#[tokio::test]
async fn a_burst_that_fits_the_queue_reaches_even_those_who_read_late() {
    let server = Server::start(Config {
        limits: Limits { messages_per_second: 0, ..Limits::default() },
        ..Config::dev()
    })
    .await;
    let (mut publisher, mut late) = (server.connect().await, server.connect().await);
    late.subscribe("room").await;
    for number in 0..2000 {
        publisher.say(json!({"type": "publish", "channel": "room", "data": number})).await;
    }
    for number in 0..2000 {
        assert_eq!(late.frame().await["data"], number);
    }
}

#[tokio::test]
async fn a_silent_socket_is_dropped_and_one_that_answers_pings_is_not() {
    let limits = Limits { idle_timeout_ms: 300, resume_grace_ms: 100, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::dev() }).await;
    let mut watcher = server.connect().await;
    watcher.subscribe("room").await;
    // Reads its answers and then never again: its WebSocket answers no ping.
    let mut dead = server.connect().await;
    dead.subscribe("room").await;
    assert_eq!(watcher.frame().await, presence("room", &[&dead], &[]));
    // Waiting for a frame, the watcher answers pings all the while.
    assert_eq!(watcher.frame().await, presence("room", &[], &[&dead.peer_id]));
    assert_eq!(watcher.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn a_crowd_that_joins_at_once_ends_with_full_rosters() {
    const CROWD: usize = 50;
    let server = Arc::new(Server::dev().await);
    let peers = (0..CROWD).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            let stream = TcpStream::connect(server.address).await.unwrap();
            let url = format!("ws://{}/v1?key=pk_live_dev", server.address);
            let (socket, _) = soon(client_async(url, stream)).await.unwrap();
            let mut client = Client { peer_id: String::new(), socket };
            client.frame().await;
            let mut known = client.subscribe("room").await["joined"].as_array().unwrap().len();
            while known < CROWD - 1 {
                let frame = client.frame().await;
                assert_eq!(frame["left"], json!([]));
                known += frame["joined"].as_array().unwrap().len();
            }
            client
        })
    });
    for peer in peers.collect::<Vec<_>>() {
        soon(peer).await.unwrap();
    }
}
