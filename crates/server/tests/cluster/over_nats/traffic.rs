//! What clients and backends see of each other across servers.

use serde_json::{Value, json};

use crate::client::Client;
use crate::http::{self, call};
use crate::processes::{Roster, cluster, names};

fn publish(channel: &str, data: impl Into<Value>) -> Value {
    json!({"type": "publish", "channel": channel, "data": data.into()})
}

/// Whatever means something in NATS's subjects means nothing in a channel's name.
const CHANNEL: &str = "a room.*.> ünï";

#[tokio::test]
async fn messages_and_direct_messages_reach_whoever_they_are_for_at_every_server() {
    let (_nats, [a, b, c]) = cluster().await;
    let (mut alice, alices) = a.join("alice", CHANNEL).await;
    let (mut bob, bobs) = b.join("bob", CHANNEL).await;
    let (mut carol, carols) = c.join("carol", CHANNEL).await;
    Roster::new(&alices).until(&mut alice, &["bob", "carol"]).await;
    Roster::new(&bobs).until(&mut bob, &["alice", "carol"]).await;
    Roster::new(&carols).until(&mut carol, &["alice", "bob"]).await;
    alice.say(publish(CHANNEL, json!({"n": [1, null]}))).await;
    for client in [&mut bob, &mut carol] {
        let message = client.frame().await;
        assert_eq!((&message["from"], &message["data"]), (&json!("alice"), &json!({"n": [1, null]})));
    }
    let ack = carol.ask(json!({"type": "send", "to": "alice", "data": "hi", "requestId": "1"})).await;
    assert_eq!(ack, json!({"type": "ack", "requestId": "1"}));
    assert_eq!(alice.frame().await, json!({"type": "direct", "from": "carol", "data": "hi"}));
    let answer = carol.ask(json!({"type": "send", "to": "nobody", "data": 1, "requestId": "2"})).await;
    assert_eq!(answer["code"], "peer_not_found");
}

#[tokio::test]
async fn a_peer_at_two_servers_is_one_peer_and_both_connections_get_its_messages() {
    let (_nats, [a, b, c]) = cluster().await;
    let (mut watcher, _) = c.join("watcher", "room").await;
    let (mut first, snapshot) = a.join("alice", "room").await;
    Roster::new(&snapshot).until(&mut first, &["watcher"]).await;
    let mut roster = Roster::default();
    roster.until(&mut watcher, &["alice"]).await;
    let (mut second, _) = b.join("alice", "room").await;
    // The watcher's server has heard of the second connection once it has heard from it.
    second.say(publish("room", "here too")).await;
    assert_eq!(watcher.frame().await["data"], "here too");
    watcher.say(json!({"type": "send", "to": "alice", "data": 1})).await;
    for client in [&mut first, &mut second] {
        while client.frame().await["type"] != "direct" {}
    }
    first.leave().await;
    // That one is gone is no news; what comes next is that the other is.
    second.say(publish("room", "still here")).await;
    assert_eq!(watcher.frame().await["data"], "still here");
    second.leave().await;
    roster.until(&mut watcher, &[]).await;
}

#[tokio::test]
async fn a_backend_may_ask_any_server() {
    let (_nats, [a, b, c]) = cluster().await;
    let (mut alice, _) = a.join("alice", "room").await;
    let (mut bob, snapshot) = b.join("bob", "room").await;
    Roster::new(&snapshot).until(&mut bob, &["alice"]).await;
    let (mut watcher, snapshot) = c.join("watcher", "room").await;
    Roster::new(&snapshot).until(&mut watcher, &["alice", "bob"]).await;

    let listed = call(c.address, "GET /v1/channels/room/peers", "").await.json();
    assert_eq!(names(&listed["peers"]), ["alice", "bob", "watcher"]);

    let published = call(c.address, "POST /v1/channels/room/publish", r#"{"data": "news"}"#).await;
    assert_eq!(published.json()["delivered"], 3);
    for client in [&mut alice, &mut bob, &mut watcher] {
        let message = loop {
            let frame = client.frame().await;
            if frame["type"] == "message" {
                break frame;
            }
        };
        assert_eq!((&message["from"], &message["data"]), (&json!("system"), &json!("news")));
    }

    let kicked = call(c.address, "DELETE /v1/peers/alice", "").await.json();
    assert_eq!(kicked, json!({"peerId": "alice", "closed": 1}));
    assert_eq!(alice.closed().await.0, 4020);
    assert_eq!(names(&watcher.frame().await["left"]), ["alice"]);
    let again = http::call(c.address, "DELETE /v1/peers/alice", "").await;
    assert_eq!((again.status, &again.json()["closed"]), (200, &json!(0)));

    crate::processes::until(
        async || call(c.address, "GET /v1/usage", "").await.json(),
        |usage| usage["concurrentNow"] == 2 && usage["peers"] == 2 && usage["channels"] == 1,
    )
    .await;
}

#[tokio::test]
async fn no_message_overtakes_the_join_of_its_sender_and_none_is_lost_under_load() {
    const SENDERS: u64 = 40;
    const MESSAGES: u64 = 40;
    let (_nats, [a, b, c]) = cluster().await;
    let (mut near, _) = a.join("near", "room").await;
    let (mut far, _) = b.join("far", "room").await;
    let (mut mute, _) = c.join("mute", "other").await;
    let talk = async {
        let mut clients = Vec::new();
        for sender in 0..SENDERS {
            let node = if sender % 2 == 0 { &a } else { &c };
            let mut client = node.connect(&format!("sender {sender}")).await;
            client.say(json!({"type": "subscribe", "channel": "room"})).await;
            for number in 0..MESSAGES {
                client.say(publish("room", number)).await;
            }
            clients.push(client);
        }
        clients
    };
    let listen = |client| listen(client, SENDERS, MESSAGES);
    let (clients, (), ()) = tokio::join!(talk, listen(&mut near), listen(&mut far));
    drop(clients);
    let pong = mute.ask(json!({"type": "ping"})).await;
    assert_eq!(pong, json!({"type": "pong"}), "who is not in the channel hears nothing");
}

/// Hears every message of every sender, once, in order, and after its join.
async fn listen(client: &mut Client, senders: u64, messages: u64) {
    let mut roster = Roster::default();
    let mut next = std::collections::BTreeMap::<String, u64>::new();
    let mut left = senders * messages;
    while left > 0 {
        let frame = client.frame().await;
        if frame["type"] == "presence" {
            roster.hear(&frame);
            continue;
        }
        let from = frame["from"].as_str().unwrap();
        assert!(roster.0.contains(from), "a message of {from}, who is not there");
        let next = next.entry(from.to_owned()).or_default();
        assert_eq!(frame["data"], *next, "{from}");
        *next += 1;
        left -= 1;
    }
}
