//! What whoever runs a server asks it.

use std::collections::BTreeMap;

use metered_protocol::Secret;
use metered_server::{Config, Limits};
use serde_json::json;

use crate::harness::{Server, soon};
use crate::http::{KEY, call, request};

/// Every sample of `/metrics`, by name and labels.
async fn metrics(server: &Server) -> BTreeMap<String, f64> {
    let response = request(server.address, "GET /metrics", &[], "").await;
    assert_eq!(response.status, 200);
    assert!(response.head.contains("content-type: application/openmetrics-text"), "{}", response.head);
    assert!(response.body.ends_with("# EOF\n"));
    let samples = response.body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    samples.map(sample).collect()
}

#[tokio::test]
async fn the_process_is_healthy_and_ready() {
    let server = Server::dev().await;
    for (path, body) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let response = request(server.address, &format!("GET {path}"), &[], "").await;
        assert_eq!((response.status, response.body.as_str()), (200, body));
    }
}

#[tokio::test]
async fn a_server_that_drains_is_healthy_and_not_ready_and_serves_those_it_has() {
    let server = Server::start(Config { drain_ms: 60_000, ..Config::dev() }).await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    bob.subscribe("room").await;
    let (address, state) = (server.address, server.state.clone());
    let stopped = server.stop();
    let readiness = async || request(address, "GET /readyz", &[], "").await;
    soon(async { while readiness().await.status != 503 {} }).await;
    assert_eq!(readiness().await.body, "draining");
    assert_eq!(request(address, "GET /healthz", &[], "").await.status, 200);
    assert_eq!(call(address, "GET /v1/usage", "").await.problem(), (503, "going_away".into()));
    let ack = alice.ask(json!({"type": "publish", "channel": "room", "data": 1, "requestId": "p"})).await;
    assert_eq!(ack["type"], "ack");
    assert_eq!(bob.frame().await["data"], 1);
    assert_eq!(state.connection_count(), 2);
    drop(stopped);
}

#[tokio::test]
async fn when_the_drain_is_over_everyone_is_sent_away() {
    let server = Server::start(Config { drain_ms: 50, ..Config::dev() }).await;
    let mut alice = server.connect().await;
    let stopped = server.stop();
    assert_eq!(alice.frame().await["type"], "going_away");
    assert_eq!(alice.closed().await.0, 1001);
    stopped.await.unwrap();
}

#[tokio::test]
async fn metrics_count_connections_messages_deliveries_and_closes() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    bob.subscribe("room").await;
    for number in 0..3 {
        alice.ask(json!({"type": "publish", "channel": "room", "data": number, "requestId": "p"})).await;
        bob.frame().await;
    }
    assert_eq!(server.open("key=wrong").await.closed().await.0, 4001);
    let before = metrics(&server).await;
    assert_eq!(before["metered_connections"], 2.0);
    assert_eq!(before["metered_peers"], 2.0);
    assert_eq!(before["metered_channels"], 1.0);
    assert_eq!(before["metered_messages_total"], 3.0);
    // Two welcomes, a subscribe's answers, three acks and three messages.
    assert_eq!(before["metered_deliveries_total"], 10.0);
    assert_eq!(before["metered_drops_total"], 0.0);
    assert_eq!(before["metered_outbound_queue_bytes"], 0.0);
    assert!(before["metered_delivery_latency_seconds_count"] > 0.0);
    assert_eq!(before[r#"metered_refusals_total{code="4001",by="server"}"#], 1.0);

    call(server.address, &format!("DELETE /v1/peers/{}", bob.peer_id), "").await;
    assert_eq!(bob.closed().await.0, 4020);
    soon(alice.socket.close(None)).await.unwrap();
    let closed = r#"metered_closes_total{code="1000",by="client"}"#;
    soon(async { while !metrics(&server).await.contains_key(closed) {} }).await;
    let after = metrics(&server).await;
    assert_eq!(after[r#"metered_closes_total{code="4020",by="server"}"#], 1.0);
    assert_eq!(after["metered_connections"], 0.0);
}

#[tokio::test]
async fn metrics_that_have_a_secret_are_told_to_nobody_without_it() {
    let metrics_secret = Some(Secret::new("a secret of metrics"));
    let server = Server::start(Config { metrics_secret, ..Config::dev() }).await;
    let ask = async |headers: &[(&str, &str)]| request(server.address, "GET /metrics", headers, "").await;
    let right = ("authorization", "Bearer a secret of metrics");
    assert_eq!(ask(&[right]).await.status, 200);
    let wrong = [
        "Bearer a secret of metric",
        "Bearer a secret of metrics2",
        "Basic a secret of metrics",
        "Bearer ",
        KEY,
    ];
    let wrong = wrong.map(|value| vec![("authorization", value)]);
    for headers in wrong.into_iter().chain([vec![], vec![right, right]]) {
        let response = ask(&headers).await;
        assert_eq!(response.status, 401, "{headers:?}");
        assert!(response.head.contains("www-authenticate: bearer"), "{}", response.head);
        assert!(!response.body.contains("metered_"), "{}", response.body);
    }
    assert_eq!(request(server.address, "GET /healthz", &[], "").await.status, 200);
}

#[tokio::test]
async fn metrics_count_sessions_that_come_back() {
    let server = Server::dev().await;
    let mut alice = server.open("key=pk_live_dev").await;
    let welcome = alice.frame().await;
    drop(alice);
    let broken = r#"metered_closes_total{code="1006",by="client"}"#;
    soon(async { while !metrics(&server).await.contains_key(broken) {} }).await;
    assert_eq!(metrics(&server).await["metered_detached_sessions"], 1.0);
    let token = welcome["resume"]["token"].as_str().unwrap();
    server.connect_with(&format!("key=pk_live_dev&seen=0&resume={token}")).await;
    assert_eq!(metrics(&server).await["metered_resumed_sessions_total"], 1.0);
}

#[tokio::test]
async fn metrics_count_what_a_slow_consumer_loses() {
    let limits = Limits { messages_per_second: 0, outbound_queue_bytes: 256 * 1024, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::dev() }).await;
    let (mut alice, mut slow) = (server.connect().await, server.connect().await);
    slow.subscribe("room").await;
    let text = "x".repeat(60_000);
    while server.state.connection_count() == 2 {
        alice.ask(json!({"type": "publish", "channel": "room", "data": text, "requestId": "p"})).await;
    }
    assert_eq!(slow.closed().await.0, 1008);
    let closed = r#"metered_closes_total{code="1008",by="server"}"#;
    soon(async { while !metrics(&server).await.contains_key(closed) {} }).await;
    assert!(metrics(&server).await["metered_drops_total"] > 1.0);
}
