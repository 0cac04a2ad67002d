//! What a credential permits, on every action.

use metered_server::hub::ConnId;
use metered_server::{Action, ChannelPattern, Grants, Identity};
use serde_json::{Value, json};

use crate::world::{World, identity, joined};

fn restricted(peer: &str, actions: &[Action], patterns: &[&str]) -> Identity {
    let patterns: Vec<_> = patterns.iter().map(|p| ChannelPattern::parse(p).unwrap()).collect();
    Identity { grants: Grants::new(actions.iter().copied().collect(), patterns), ..identity(peer) }
}

fn request(kind: &str, channel: &str) -> Value {
    json!({"type": kind, "channel": channel, "to": "bob", "data": 1, "requestId": "r"})
}

fn code(world: &mut World, conn: ConnId, kind: &str, channel: &str) -> Value {
    let answer = world.ask(conn, request(kind, channel));
    assert_eq!(answer["requestId"], "r", "{answer}");
    answer["code"].clone()
}

#[test]
fn an_action_that_is_not_granted_is_not_permitted() {
    for (denied, kind) in
        [(Action::Subscribe, "subscribe"), (Action::Publish, "publish"), (Action::Send, "send")]
    {
        let mut world = World::new();
        let bob = world.join("bob", "room");
        let granted: Vec<_> = Action::ALL.into_iter().filter(|action| *action != denied).collect();
        let alice = world.connect_as(restricted("alice", &granted, &["**"]));
        assert_eq!(code(&mut world, alice, kind, "room"), "action_not_permitted");
        assert!(world.take(bob).is_empty());
    }
}

#[test]
fn a_channel_that_no_pattern_reaches_is_not_authorized() {
    let mut world = World::new();
    let alice = world.connect_as(restricted("alice", &Action::ALL, &["room-*", "app_xyz/*"]));
    for kind in ["subscribe", "publish"] {
        for channel in ["hall", "room-1/x", "app_xyz/a/b", "Room-1"] {
            assert_eq!(code(&mut world, alice, kind, channel), "channel_not_authorized", "{channel}");
        }
    }
    world.say(alice, request("subscribe", "room-42"));
    assert_eq!(world.take(alice)[0]["type"], "ack");
    assert_eq!(world.ask(alice, request("publish", "app_xyz/1"))["type"], "ack");
}

#[test]
fn direct_messages_need_no_channel() {
    let mut world = World::new();
    let bob = world.connect("bob");
    let alice = world.connect_as(restricted("alice", &[Action::Send], &[]));
    assert_eq!(world.ask(alice, request("send", "anything"))["type"], "ack");
    assert_eq!(world.take(bob).len(), 1);
}

#[test]
fn reserved_channels_are_reserved_in_any_case_and_for_everyone() {
    let mut world = World::new();
    let alice = world.connect("alice");
    for channel in ["_metered/x", "_INTERNAL/x", "_System/", "_system/a/b"] {
        assert_eq!(code(&mut world, alice, "subscribe", channel), "channel_reserved", "{channel}");
        assert_eq!(code(&mut world, alice, "publish", channel), "channel_reserved", "{channel}");
    }
    world.say(alice, request("subscribe", "_systemic"));
    assert_eq!(world.take(alice)[0]["type"], "ack");
}

#[test]
fn without_the_presence_action_a_peer_sees_nobody_and_is_seen_all_the_same() {
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let blind = world.connect_as(restricted("blind", &[Action::Subscribe, Action::Publish], &["**"]));
    world.subscribe(blind, "room");
    assert_eq!(world.take(blind), [joined("room", &[])], "the snapshot comes, and is empty");
    assert_eq!(world.take(bob), [joined("room", &["blind"])]);
    world.join("carol", "room");
    assert!(world.take(blind).is_empty());
    world.say(bob, json!({"type": "publish", "channel": "room", "data": 1}));
    assert_eq!(world.take(blind)[0]["type"], "message");
}

#[test]
fn whatever_is_not_subscribed_can_be_unsubscribed() {
    let mut world = World::new();
    let alice = world.connect_as(restricted("alice", &[], &[]));
    for channel in ["room", "_system/x"] {
        assert_eq!(world.ask(alice, request("unsubscribe", channel))["type"], "ack");
    }
}
