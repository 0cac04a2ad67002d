//! Clients that come back to another server.

use serde_json::json;

use crate::client::Client;
use crate::processes::{Node, Roster, cluster, query, within_ten_seconds};

/// A client in a channel, and what brings it back.
async fn resumable(node: &Node, peer: &str) -> (Client, String) {
    let (mut client, welcome) = node.connect_with(&query(peer)).await;
    client.subscribe("room").await;
    let token = welcome["resume"]["token"].as_str().unwrap();
    (client, format!("{}&resume={token}", query(peer)))
}

#[tokio::test]
async fn a_client_keeps_its_identity_at_another_server_and_nobody_sees_it_leave() {
    let (_nats, [a, b, c]) = cluster().await;
    let (mut watcher, snapshot) = c.join("watcher", "room").await;
    let mut roster = Roster::new(&snapshot);
    // One with a publishable key: its id is the server's invention.
    let (mut alice, welcome) = a.connect_with("key=pk_live_dev").await;
    alice.subscribe("room").await;
    let id = alice.peer_id.clone();
    let token = welcome["resume"]["token"].as_str().unwrap().to_owned();
    roster.until(&mut watcher, &[&id]).await;
    drop(alice);

    let (mut again, welcome) = b.connect_with(&format!("key=pk_live_dev&resume={token}")).await;
    assert_eq!((&welcome["peerId"], welcome["resumed"].as_bool()), (&json!(id), Some(false)));
    let snapshot = again.subscribe("room").await;
    assert_eq!(Roster::new(&snapshot).0.into_iter().collect::<Vec<_>>(), ["watcher"]);
    again.say(json!({"type": "publish", "channel": "room", "data": "back"})).await;
    assert_eq!(watcher.frame().await["data"], "back", "between the two, nobody has heard anything");

    // The old server has nothing left that would keep it here, or make it leave.
    again.leave().await;
    roster.until(&mut watcher, &[]).await;
}

#[tokio::test]
async fn a_socket_that_seems_alive_is_closed_when_its_client_is_at_another_server() {
    let (_nats, [a, b]) = cluster().await;
    let (mut alice, ticket) = resumable(&a, "alice").await;
    let (mut watcher, snapshot) = b.join("watcher", "room").await;
    Roster::new(&snapshot).until(&mut watcher, &["alice"]).await;
    let (_again, welcome) = b.connect_with(&ticket).await;
    assert_eq!(welcome["resumed"].as_bool(), Some(false));
    assert_eq!(alice.closed().await, (1000, "the session has another socket".to_owned()));
}

#[tokio::test]
async fn clients_of_a_killed_server_that_come_to_another_are_not_seen_to_leave_and_the_others_are() {
    let (_nats, [mut a, b, c]) = cluster().await;
    let (mut watcher, snapshot) = c.join("watcher", "room").await;
    let mut roster = Roster::new(&snapshot);
    let (_alice, ticket) = resumable(&a, "alice").await;
    let (_bob, _) = resumable(&a, "bob").await;
    roster.until(&mut watcher, &["alice", "bob"]).await;
    a.kill();
    within_ten_seconds(async {
        let (mut again, welcome) = b.connect_with(&ticket).await;
        assert_eq!(welcome["peerId"], "alice");
        again.subscribe("room").await;
        // The roster takes no leave of somebody who comes again: the only news is that bob is gone.
        assert_eq!(watcher.frame().await["left"], json!([{"peerId": "bob"}]));
        again.say(json!({"type": "publish", "channel": "room", "data": "here"})).await;
        assert_eq!(watcher.frame().await["data"], "here");
    })
    .await;
}

#[tokio::test]
async fn clients_of_a_server_that_is_shut_down_move_without_being_seen_to_leave() {
    let (_nats, [a, b, c]) = cluster().await;
    let (mut watcher, snapshot) = c.join("watcher", "room").await;
    let mut roster = Roster::new(&snapshot);
    let (mut alice, ticket) = resumable(&a, "alice").await;
    roster.until(&mut watcher, &["alice"]).await;
    a.terminate();
    assert_eq!(alice.closed().await.0, 1001);
    let (mut again, _) = b.connect_with(&ticket).await;
    again.subscribe("room").await;
    let (_late, _) = b.join("late", "room").await;
    assert_eq!(watcher.frame().await["joined"], json!([{"peerId": "late"}]));
}
