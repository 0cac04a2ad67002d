//! Servers and NATS are killed, and strangers write to NATS.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::call;
use crate::processes::{Nats, Node, Roster, acquaint, cluster, until, within_ten_seconds};

#[tokio::test]
async fn a_killed_server_is_gone_from_every_roster_within_ten_seconds_and_back_when_it_is_started() {
    let (nats, [mut a, b, c]) = cluster().await;
    let (_alice, _) = a.join("alice", "room").await;
    let (mut bob, snapshot) = b.join("bob", "room").await;
    let mut bobs = Roster::new(&snapshot);
    bobs.until(&mut bob, &["alice"]).await;
    let (mut carol, snapshot) = c.join("carol", "room").await;
    let mut carols = Roster::new(&snapshot);
    carols.until(&mut carol, &["alice", "bob"]).await;
    bobs.until(&mut bob, &["alice", "carol"]).await;
    a.kill();
    within_ten_seconds(async {
        tokio::join!(bobs.until(&mut bob, &["carol"]), carols.until(&mut carol, &["bob"]));
    })
    .await;
    let listed = call(b.address, "GET /v1/channels/room/peers", "").await.json();
    assert_eq!(crate::processes::names(&listed["peers"]), ["bob", "carol"]);
    let answer = bob.ask(json!({"type": "send", "to": "alice", "data": 1})).await;
    assert_eq!(answer["code"], "peer_not_found");

    let a = Node::start(&nats.url());
    let (mut alice, snapshot) = a.join("alice", "room").await;
    tokio::join!(
        async { Roster::new(&snapshot).until(&mut alice, &["bob", "carol"]).await },
        bobs.until(&mut bob, &["alice", "carol"]),
        carols.until(&mut carol, &["alice", "bob"]),
    );
}

#[tokio::test]
async fn without_nats_local_traffic_goes_on_health_says_so_and_rosters_heal_when_it_is_back() {
    let (mut nats, [a, b, c]) = cluster().await;
    assert_eq!(a.health().await, "ok");
    assert_eq!((a.metric("cluster_connected").await, a.metric("cluster_nodes").await), (1, 2));
    let (mut alice, snapshot) = a.join("alice", "room").await;
    let mut alices = Roster::new(&snapshot);
    let (mut bob, snapshot) = b.join("bob", "room").await;
    let mut bobs = Roster::new(&snapshot);
    alices.until(&mut alice, &["bob"]).await;
    bobs.until(&mut bob, &["alice"]).await;

    nats.kill();
    until(async || a.health().await, |health| health.starts_with("degraded")).await;
    assert_eq!(a.metric("cluster_connected").await, 0);
    let ready = call(a.address, "GET /readyz", "").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready"));
    let kick = call(a.address, "DELETE /v1/peers/nobody", "").await;
    assert_eq!(kick.problem(), (503, "internal_error".to_owned()));
    let answer = alice.ask(json!({"type": "send", "to": "bob", "data": 1})).await;
    assert_eq!(answer["code"], "backend_error");
    let (mut local, _) = a.join("local", "room").await;
    alices.until(&mut alice, &["bob", "local"]).await;
    alice.say(json!({"type": "publish", "channel": "room", "data": "local"})).await;
    assert_eq!(local.frame().await["data"], "local");
    within_ten_seconds(async {
        tokio::join!(alices.until(&mut alice, &["local"]), bobs.until(&mut bob, &[]));
    })
    .await;
    // What happens meanwhile is part of what the others are told later.
    let (mut carol, snapshot) = c.join("carol", "room").await;
    let mut carols = Roster::new(&snapshot);

    nats.restart();
    tokio::join!(
        alices.until(&mut alice, &["bob", "carol", "local"]),
        bobs.until(&mut bob, &["alice", "carol", "local"]),
        carols.until(&mut carol, &["alice", "bob", "local"]),
    );
    until(async || a.health().await, |health| health == "ok").await;
    alice.say(json!({"type": "send", "to": "carol", "data": "hello again"})).await;
    assert_eq!(carol.frame().await["data"], "hello again");
}

#[tokio::test]
async fn servers_that_start_before_nats_serve_and_find_each_other_later() {
    let mut nats = Nats::start();
    nats.kill();
    let (a, b) = (Node::start(&nats.url()), Node::start(&nats.url()));
    assert!(a.health().await.starts_with("degraded"));
    let (mut alice, _) = a.join("alice", "room").await;
    let (mut bob, _) = b.join("bob", "room").await;
    nats.restart();
    Roster::default().until(&mut alice, &["bob"]).await;
    Roster::default().until(&mut bob, &["alice"]).await;
}

#[tokio::test]
async fn a_killed_nats_that_is_back_at_once_is_noticed_by_nobody() {
    let (mut nats, [a, b]) = cluster().await;
    let (mut alice, _) = a.join("alice", "room").await;
    let (mut bob, snapshot) = b.join("bob", "room").await;
    Roster::new(&snapshot).until(&mut bob, &["alice"]).await;
    Roster::default().until(&mut alice, &["bob"]).await;
    nats.kill();
    nats.restart();
    let (mut carol, snapshot) = b.join("carol", "room").await;
    Roster::new(&snapshot).until(&mut carol, &["alice", "bob"]).await;
    assert_eq!(alice.frame().await["joined"], json!([{"peerId": "carol"}]));
}

#[tokio::test]
async fn hostile_bytes_on_the_subjects_harm_nothing() {
    let (nats, [a, b]) = cluster().await;
    let mut stranger = TcpStream::connect(nats.address()).await.unwrap();
    stranger.write_all(b"CONNECT {\"verbose\":false}\r\nSUB metered.> 1\r\nPING\r\n").await.unwrap();
    let (mut alice, _) = a.join("alice", "room").await;
    let (mut bob, snapshot) = b.join("bob", "room").await;
    Roster::new(&snapshot).until(&mut bob, &["alice"]).await;
    Roster::default().until(&mut alice, &["bob"]).await;

    // What servers have told each other, again and garbled, and what they never would.
    let mut heard = vec![0; 64 * 1024];
    let mut length = 0;
    while !String::from_utf8_lossy(&heard[..length]).contains(r#"{"joined""#) {
        length += stranger.read(&mut heard[length..]).await.unwrap();
    }
    let text = String::from_utf8_lossy(&heard[..length]).into_owned();
    let subjects: Vec<_> =
        text.split("MSG ").skip(1).filter_map(|message| message.split(' ').next()).collect();
    let mut bytes = Vec::new();
    for subject in subjects.iter().copied().chain(["metered.dev.all", "metered.nobody.all"]) {
        for seed in 0..200_usize {
            let at = seed * 131 % length;
            let payload = &heard[at..length.min(at + seed)];
            for payload in
                [payload, &[0xff; 40][..seed % 41], &[b"[".repeat(seed), heard[at..].to_vec()].concat()]
            {
                let payload = &payload[..payload.len().min(2000)];
                bytes.extend(format!("PUB {subject} {}\r\n", payload.len()).into_bytes());
                bytes.extend(payload);
                bytes.extend(b"\r\n");
            }
        }
    }
    let (mut reading, mut writing) = stranger.into_split();
    let drain =
        tokio::spawn(async move { while reading.read(&mut heard).await.is_ok_and(|read| read > 0) {} });
    writing.write_all(&bytes).await.unwrap();
    until(async || a.metric("cluster_refusals_total").await, |refused| *refused > 100).await;

    acquaint(&[&a, &b]).await;
    alice.say(json!({"type": "publish", "channel": "room", "data": "unharmed"})).await;
    assert_eq!(bob.frame().await["data"], "unharmed");
    drain.abort();
}
