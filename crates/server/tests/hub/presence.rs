//! Who is told of whom.

use serde_json::json;

use crate::world::{World, joined, left, named};

#[test]
fn a_subscribe_is_acknowledged_and_then_answered_with_a_snapshot_even_if_it_is_empty() {
    let mut world = World::new();
    let alice = world.connect("alice");
    world.say(alice, json!({"type": "subscribe", "channel": "room", "requestId": "1"}));
    assert_eq!(world.take(alice), [json!({"type": "ack", "requestId": "1"}), joined("room", &[])]);
}

#[test]
fn a_subscribe_without_a_request_id_gets_its_snapshot_and_no_ack() {
    let mut world = World::new();
    let alice = world.connect("alice");
    world.subscribe(alice, "room");
    assert_eq!(world.take(alice), [joined("room", &[])]);
}

#[test]
fn the_snapshot_lists_the_others_and_the_others_hear_of_the_newcomer() {
    let mut world = World::new();
    let carol = world.join("carol", "room");
    let bob = world.join("bob", "room");
    assert_eq!(world.take(carol), [joined("room", &["bob"])]);
    let alice = world.connect("alice");
    world.subscribe(alice, "room");
    assert_eq!(world.take(alice), [joined("room", &["bob", "carol"])]);
    assert_eq!(world.take(bob), [joined("room", &["alice"])]);
    assert_eq!(world.take(carol), [joined("room", &["alice"])]);
}

#[test]
fn channels_have_nothing_to_do_with_each_other() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    let bob = world.join("bob", "hall");
    world.disconnect(bob);
    world.drain();
    assert!(world.take(alice).is_empty());
}

#[test]
fn subscribing_again_brings_a_fresh_snapshot_and_tells_nobody() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    let bob = world.join("bob", "room");
    world.take(alice);
    world.say(bob, json!({"type": "subscribe", "channel": "room", "requestId": "2"}));
    assert_eq!(world.take(bob), [json!({"type": "ack", "requestId": "2"}), joined("room", &["alice"])]);
    assert!(world.take(alice).is_empty());
    world.disconnect(bob);
    world.drain();
    assert_eq!(world.take(alice), [left("room", &["bob"])], "one leave undoes two subscribes");
}

#[test]
fn leaving_is_told_whether_by_unsubscribe_or_by_the_end_of_the_connection() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    let bob = world.join("bob", "room");
    let carol = world.join("carol", "room");
    world.take(alice);
    world.take(bob);
    assert_eq!(
        world.ask(bob, json!({"type": "unsubscribe", "channel": "room", "requestId": "3"})),
        json!({"type": "ack", "requestId": "3"})
    );
    assert_eq!(world.take(alice), [left("room", &["bob"])]);
    world.disconnect(carol);
    world.drain();
    assert_eq!(world.take(alice), [left("room", &["carol"])]);
    assert!(world.take(bob).is_empty(), "who has left hears no more");
    assert_eq!(world.take(carol), [left("room", &["bob"])]);
}

#[test]
fn a_peer_is_present_once_however_many_connections_it_has() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    let tab1 = world.join("bob", "room");
    assert_eq!(world.take(alice), [joined("room", &["bob"])]);
    let tab2 = world.connect("bob");
    world.subscribe(tab2, "room");
    assert_eq!(world.take(tab2), [joined("room", &["alice"])], "nobody is told of their own id");
    assert!(world.take(alice).is_empty() && world.take(tab1).is_empty());

    world.disconnect(tab1);
    world.drain();
    assert!(world.take(alice).is_empty() && world.take(tab2).is_empty());
    world.disconnect(tab2);
    world.drain();
    assert_eq!(world.take(alice), [left("room", &["bob"])]);
}

#[test]
fn a_peer_that_left_can_come_back() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    for _ in 0..3 {
        let bob = world.join("bob", "room");
        assert_eq!(world.take(alice), [joined("room", &["bob"])]);
        world.disconnect(bob);
        world.drain();
        assert_eq!(world.take(alice), [left("room", &["bob"])]);
    }
}

#[test]
fn presence_always_carries_peer_metadata() {
    let mut world = World::new();
    let alice = world.connect_as(named("alice", "Alice"));
    world.subscribe(alice, "room");
    world.take(alice);
    let bob = world.connect_as(named("bob", "Bob"));
    world.subscribe(bob, "room");
    assert_eq!(world.take(bob)[0]["joined"], json!([{"peerId": "alice", "metadata": {"name": "Alice"}}]));
    assert_eq!(world.take(alice)[0]["joined"], json!([{"peerId": "bob", "metadata": {"name": "Bob"}}]));
    world.disconnect(bob);
    world.drain();
    assert_eq!(world.take(alice)[0]["left"], json!([{"peerId": "bob", "metadata": {"name": "Bob"}}]));
}

#[test]
fn everyone_is_shown_the_same_metadata_of_a_peer_whose_tokens_differ() {
    let mut world = World::new();
    let first = world.connect_as(named("bob", "Bob"));
    world.subscribe(first, "room");
    let second = world.connect_as(named("bob", "Robert"));
    world.subscribe(second, "room");
    world.disconnect(first);
    let alice = world.connect("alice");
    world.subscribe(alice, "room");
    assert_eq!(world.take(alice)[0]["joined"], json!([{"peerId": "bob", "metadata": {"name": "Bob"}}]));
}
