//! The bounds of the protocol over a socket, each with its code, and that 0 switches it off.

use metered_server::{Config, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Server, soon};

async fn with(limits: Limits) -> Server {
    Server::start(Config { limits, ..Config::dev() }).await
}

/// The code of the error that answers a request.
async fn code_of(frame: Value) -> Value {
    let server = Server::dev().await;
    let mut alice = server.connect().await;
    let answer = alice.ask(frame).await;
    assert_eq!(alice.ask(json!({"type": "ping"})).await["type"], "pong", "the connection stays");
    answer["code"].clone()
}

#[tokio::test]
async fn the_hundred_and_first_channel_is_told_channel_limit_exceeded() {
    let server = with(Limits { messages_per_second: 0, ..Limits::default() }).await;
    let mut alice = server.connect().await;
    for number in 0..100 {
        alice.subscribe(&format!("room-{number}")).await;
    }
    let answer = alice.ask(json!({"type": "subscribe", "channel": "one more", "requestId": "1"})).await;
    assert_eq!(answer["code"], "channel_limit_exceeded");
}

#[tokio::test]
async fn a_channel_name_of_256_is_taken_and_a_longer_one_or_none_is_told_invalid_channel() {
    let server = Server::dev().await;
    server.connect().await.subscribe(&"é".repeat(256)).await;
    for name in [String::new(), "é".repeat(257), "a\u{85}b".to_owned(), "\u{1f}".to_owned()] {
        let frame = json!({"type": "subscribe", "channel": name, "requestId": "1"});
        assert_eq!(code_of(frame).await, "invalid_channel", "{name:?}");
    }
}

#[tokio::test]
async fn reserved_channels_are_told_channel_reserved_in_any_case() {
    for name in ["_metered/x", "_Internal/x", "_SYSTEM/x"] {
        let frame = json!({"type": "subscribe", "channel": name, "requestId": "1"});
        assert_eq!(code_of(frame).await, "channel_reserved", "{name}");
    }
}

#[tokio::test]
async fn what_is_no_peer_id_is_told_invalid_peer_id() {
    for to in [String::new(), "p".repeat(129), "é".to_owned()] {
        let frame = json!({"type": "send", "to": to, "data": 1, "requestId": "1"});
        assert_eq!(code_of(frame).await, "invalid_peer_id", "{to:?}");
    }
}

#[tokio::test]
async fn a_request_id_that_is_too_long_is_told_malformed_message() {
    let frame = json!({"type": "subscribe", "channel": "room", "requestId": "r".repeat(129)});
    assert_eq!(code_of(frame).await, "malformed_message");
}

#[tokio::test]
async fn a_limit_of_0_is_no_limit() {
    let server = Server::start(Config {
        limits: Limits {
            message_bytes: 0,
            channels_per_connection: 0,
            messages_per_second: 0,
            connections_per_address: 0,
            outbound_queue_bytes: 0,
            outbound_total_bytes: 0,
            handshake_timeout_ms: 0,
            idle_timeout_ms: 0,
            ..Limits::default()
        },
        exempt_loopback: false,
        ..Config::dev()
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..70 {
        clients.push(server.connect().await);
    }
    let mut alice = clients.remove(0);
    for number in 0..300 {
        alice.subscribe(&format!("room-{number}")).await;
    }
    let long = json!({"type": "publish", "channel": "room-0", "data": "x".repeat(200_000), "requestId": "p"});
    assert_eq!(alice.ask(long).await["type"], "ack");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_is_dropped() {
    let server = with(Limits { handshake_timeout_ms: 200, ..Limits::default() }).await;
    for begun in ["", "GET /v1?key=pk_live_dev HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        // The end of the stream, perhaps after an error in HTTP. A reset is an end too.
        let _ = soon(stream.read_to_end(&mut Vec::new())).await;
    }
    // Whoever is connected is not in a handshake any more.
    let mut alice = server.connect().await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(alice.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn when_memory_is_short_the_slow_lose_their_connection_and_nobody_else_a_message() {
    let limits = Limits {
        messages_per_second: 0,
        // The bound of one queue alone would be reached much later.
        outbound_queue_bytes: 0,
        outbound_total_bytes: 256 * 1024,
        ..Limits::default()
    };
    let server = with(limits).await;
    let mut publisher = server.connect().await;
    let (mut quick, mut slow) = (server.connect().await, server.connect().await);
    quick.subscribe("room").await;
    slow.subscribe("room").await;
    assert_eq!(quick.frame().await["joined"][0]["peerId"], slow.peer_id.as_str());

    let text = "x".repeat(60_000);
    let mut number = 0;
    loop {
        publisher
            .ask(json!({"type": "publish", "channel": "room", "data": [number, text], "requestId": "p"}))
            .await;
        let mut frame = quick.frame().await;
        let has_left = frame["type"] == "presence";
        if has_left {
            assert_eq!(frame["left"][0]["peerId"], slow.peer_id.as_str());
            frame = quick.frame().await;
        }
        assert_eq!(frame["data"][0], number);
        if has_left {
            break;
        }
        number += 1;
        assert!(number < 2000, "the slow one was never closed");
    }
    assert_eq!(slow.closed().await, (1008, "too slow: the server is short of memory".to_owned()));
    assert_eq!(server.state.too_slow_count(), 1);
    assert!(server.state.outbound_bytes() < 256 * 1024);
}
