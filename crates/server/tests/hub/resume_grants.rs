//! A session goes on with what the new credential says.

use metered_server::{Action, ChannelPattern, Grants, Identity, Limits};
use serde_json::{Value, json};

use crate::resume::{data, newcomer, publish, returning, room_of_two};
use crate::world::{START, World, identity, joined, left, named};

fn may(actions: &[Action], patterns: &[&str]) -> Identity {
    let patterns: Vec<_> = patterns.iter().map(|p| ChannelPattern::parse(p).unwrap()).collect();
    Identity { grants: Grants::new(actions.iter().copied().collect(), patterns), ..identity("alice") }
}

#[test]
fn what_the_new_credential_does_not_reach_is_left_and_what_was_said_there_stays_there() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.subscribe(alice, "hall");
    world.subscribe(bob, "hall");
    world.take(bob);
    world.lose(alice);
    publish(&mut world, bob, "in the room");
    world.say(bob, json!({"type": "publish", "channel": "hall", "data": "in the hall"}));
    let arrival = returning(may(&Action::ALL, &["hall"]), 1, Some(3));
    let (alice, welcome) = world.arrive(arrival);
    assert_eq!(welcome["resumed"], true);
    assert_eq!(data(&world.take(alice)), ["in the hall"]);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);

    // The client counts what it gets, and so does the server.
    world.say(bob, json!({"type": "publish", "channel": "hall", "data": "later"}));
    world.lose(alice);
    let (alice, _) = world.arrive(returning(may(&Action::ALL, &["hall"]), 1, Some(4)));
    assert_eq!(data(&world.take(alice)), ["later"]);
    publish(&mut world, bob, "in the room");
    assert!(world.take(alice).is_empty());
}

#[test]
fn without_the_subscribe_action_every_channel_is_left() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    publish(&mut world, bob, 1);
    world.say(bob, json!({"type": "send", "to": "alice", "data": 2}));
    let (alice, _) = world.arrive(returning(may(&[Action::Send], &["**"]), 1, Some(1)));
    assert_eq!(data(&world.take(alice)), [2]);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
}

#[test]
fn who_may_see_presence_no_longer_does_not_and_who_may_now_is_told_who_is_there() {
    let (mut world, alice, _) = room_of_two(Limits::default());
    let blind = || may(&[Action::Subscribe], &["**"]);
    world.lose(alice);
    world.join("carol", "room");
    let (alice, _) = world.arrive(returning(blind(), 1, Some(1)));
    world.join("dave", "room");
    assert!(world.take(alice).is_empty());
    world.lose(alice);
    let (alice, _) = world.arrive(returning(identity("alice"), 1, Some(1)));
    assert_eq!(world.take(alice), [joined("room", &["bob", "carol", "dave"])]);
    world.join("erin", "room");
    assert_eq!(world.take(alice), [joined("room", &["erin"])]);
}

#[test]
fn a_session_ends_with_its_present_credential_and_not_with_the_one_before() {
    let until = |seconds| Identity { expires_at: Some(START / 1000 + seconds), ..identity("alice") };
    let mut world = World::new();
    let (alice, _) = world.arrive(newcomer(until(10), 1));
    world.wait(9_750);
    assert_eq!(world.close_of(alice), Some((4002, "token expired")));
    let (alice, welcome) = world.arrive(returning(until(30), 1, Some(0)));
    assert_eq!((&welcome["resumed"], &welcome["expiresAt"]), (&json!(true), &json!(START / 1000 + 30)));
    world.wait(19_000);
    assert_eq!(world.close_of(alice), None);
    world.lose(alice);
    let (alice, _) = world.arrive(returning(identity("alice"), 1, Some(0)));
    world.wait(60_000);
    assert_eq!(world.close_of(alice), None);
}

#[test]
fn what_a_peer_says_afterwards_bears_its_new_metadata() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    let (alice, _) = world.arrive(returning(named("alice", "Alice II"), 1, Some(1)));
    world.say(alice, json!({"type": "send", "to": "bob", "data": 1}));
    let frames: Vec<Value> = world.take(bob);
    assert_eq!(frames[0]["fromMetadata"], json!({"name": "Alice II"}));
}
