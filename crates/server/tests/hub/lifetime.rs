//! How connections begin and end.

use metered_protocol::{Channel, CloseCode, RawJson};
use metered_server::hub::{ConnId, Output};
use metered_server::{Identity, Limits};
use serde_json::{Value, json};

use crate::world::{START, World, identity, joined, left};

fn welcome(world: &mut World, identity: Identity) -> Value {
    world.hub.connect(world.now, ConnId(1), identity);
    let Some(Output::Send { frame, .. }) = world.hub.poll_output() else { panic!("no welcome") };
    serde_json::from_str(&frame).unwrap()
}

#[test]
fn the_welcome_says_who_how_long_what_time_and_how_much() {
    assert_eq!(
        welcome(&mut World::new(), identity("alice")),
        json!({"type": "welcome", "peerId": "alice", "expiresAt": null, "serverTime": 1_700_000_000, "maxMessageSize": 65536})
    );
    let identity = Identity {
        expires_at: Some(1_700_003_600),
        metadata: Some(RawJson::from_value(&json!({"iceServers": []}))),
        peer_metadata: Some(RawJson::from_value(&json!({"name": "Alice"}))),
        ..identity("alice")
    };
    let mut world = World::with(Limits { message_bytes: 1000, ..Limits::default() });
    assert_eq!(
        welcome(&mut world, identity),
        json!({"type": "welcome", "peerId": "alice", "expiresAt": 1_700_003_600, "serverTime": 1_700_000_000, "maxMessageSize": 1000, "metadata": {"iceServers": []}})
    );
}

#[test]
fn a_token_ends_a_quarter_of_a_second_early_and_its_peer_leaves() {
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let until = |seconds| Identity { expires_at: Some(START / 1000 + seconds), ..identity("alice") };
    let alice = world.connect_as(until(10));
    let later = world.connect_as(until(20));
    world.subscribe(alice, "room");
    world.take(bob);
    let due = world.hub.poll_timeout().unwrap();
    assert_eq!(due.0, START + 9_750);
    world.wait(9_749);
    assert_eq!(world.close_of(alice), None);
    world.wait(1);
    assert_eq!(world.close_of(alice), Some((4002, "token expired")));
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
    assert_eq!(world.close_of(later), None);
    assert_eq!(world.hub.poll_timeout().unwrap().0, START + 19_750);
    world.wait(60_000);
    assert_eq!(world.close_of(later), Some((4002, "token expired")));
    assert_eq!(world.hub.poll_timeout(), None);
}

#[test]
fn a_connection_that_ends_takes_its_timer_along() {
    let mut world = World::new();
    let alice = world.connect_as(Identity { expires_at: Some(START / 1000 + 10), ..identity("alice") });
    world.disconnect(alice);
    assert_eq!(world.hub.poll_timeout(), None);
    world.wait(60_000);
    assert_eq!(world.close_of(alice), None);
}

#[test]
fn a_connection_that_is_closed_is_forgotten_at_once() {
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let alice = world.join("alice", "room");
    world.take(bob);
    world.hub.close(world.now, alice, CloseCode::ADMIN_DISCONNECT, "removed");
    world.drain();
    assert_eq!(world.close_of(alice), Some((4020, "removed")));
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 1}));
    world.hub.close(world.now, alice, CloseCode::ADMIN_DISCONNECT, "again");
    world.disconnect(alice);
    world.drain();
    assert!(world.take(alice).is_empty() && world.take(bob).is_empty());
}

#[test]
fn nothing_is_kept_of_those_who_are_gone() {
    let mut world = World::new();
    let room = Channel::parse("room").unwrap();
    let alice = world.join("alice", "room");
    assert_eq!((world.hub.connection_count(), world.hub.channel_peers(&room).len()), (1, 1));
    world.disconnect(alice);
    assert_eq!((world.hub.connection_count(), world.hub.channel_peers(&room).len()), (0, 0));
    let bob = world.connect("bob");
    world.subscribe(bob, "room");
    assert_eq!(world.take(bob), [joined("room", &[])]);
}

#[test]
fn a_shutdown_sends_everyone_away_and_tells_nobody_of_the_others() {
    let mut world = World::new();
    let conns = [world.join("alice", "room"), world.join("bob", "room"), world.connect("carol")];
    for conn in conns {
        world.take(conn);
    }
    world.hub.shutdown(1500, 0);
    world.drain();
    for conn in conns {
        assert_eq!(world.take(conn), [json!({"type": "going_away", "retryAfterMs": 1500})]);
        assert_eq!(world.close_of(conn), Some((1001, "server is going away")));
    }
    assert_eq!(world.hub.connection_count(), 0);
    let late = world.connect("dave");
    assert_eq!(world.take(late), [json!({"type": "going_away", "retryAfterMs": 1500})]);
    assert_eq!(world.close_of(late), Some((1001, "server is going away")));
}

#[test]
fn clients_are_asked_to_come_back_one_after_another() {
    let mut world = World::new();
    let conns: Vec<_> = (0..5).map(|i| world.connect(&format!("peer-{i}"))).collect();
    world.hub.shutdown(1000, 100);
    world.drain();
    let hints = conns.iter().map(|conn| world.take(*conn)[0]["retryAfterMs"].as_u64().unwrap());
    assert_eq!(hints.collect::<Vec<_>>(), [1000, 1010, 1020, 1030, 1040]);
}
