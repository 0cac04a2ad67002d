//! Changes of presence that are told together.

use metered_server::Limits;
use metered_server::hub::{ConnId, Output};
use serde_json::json;

use crate::world::{START, World, joined, left};

const TICK: u64 = 20;

fn world() -> World {
    World::ticking(Limits { presence_tick_ms: TICK, ..Limits::default() })
}

/// A world with Alice in the room, who has just been told of Bob.
fn busy() -> (World, ConnId, ConnId) {
    let mut world = world();
    let alice = world.join("alice", "room");
    world.wait(TICK);
    let bob = world.join("bob", "room");
    assert_eq!(world.take(alice), [joined("room", &["bob"])]);
    (world, alice, bob)
}

#[test]
fn the_first_change_is_told_at_once_and_those_that_follow_at_the_end_of_the_tick() {
    let (mut world, alice, bob) = busy();
    world.join("carol", "room");
    world.wait(5);
    world.join("dave", "room");
    assert!(world.take(alice).is_empty());
    assert_eq!(world.hub.poll_timeout().unwrap().0, START + TICK + TICK);
    world.wait(14);
    assert!(world.take(alice).is_empty());
    world.wait(1);
    for conn in [alice, bob] {
        assert_eq!(world.take(conn), [joined("room", &["carol", "dave"])]);
    }
    assert_eq!(world.hub.poll_timeout(), None);
    world.wait(TICK);
    world.join("erin", "room");
    assert_eq!(world.take(alice), [joined("room", &["erin"])]);
}

#[test]
fn who_joins_meanwhile_gets_a_full_snapshot_and_hears_only_what_comes_after_it() {
    let (mut world, alice, _) = busy();
    let carol = world.connect("carol");
    world.subscribe(carol, "room");
    assert_eq!(world.take(carol), [joined("room", &["alice", "bob"])]);
    let dave = world.connect("dave");
    world.subscribe(dave, "room");
    assert_eq!(world.take(dave), [joined("room", &["alice", "bob", "carol"])]);
    world.wait(TICK);
    assert_eq!(world.take(alice), [joined("room", &["carol", "dave"])]);
    assert_eq!(world.take(carol), [joined("room", &["dave"])]);
    assert!(world.take(dave).is_empty(), "nobody is told of themselves");
}

#[test]
fn who_subscribes_again_meanwhile_hears_of_all_changes_and_of_none_twice() {
    let (mut world, alice, _) = busy();
    world.join("carol", "room");
    world.subscribe(alice, "room");
    assert_eq!(world.take(alice), [joined("room", &["carol"]), joined("room", &["bob", "carol"])]);
    world.wait(TICK);
    assert!(world.take(alice).is_empty());
}

#[test]
fn joins_and_leaves_of_different_peers_are_told_in_one_frame() {
    let (mut world, alice, bob) = busy();
    world.join("carol", "room");
    world.disconnect(bob);
    world.wait(TICK);
    let frames = world.take(alice);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["joined"], json!([{"peerId": "carol"}]));
    assert_eq!(frames[0]["left"], json!([{"peerId": "bob"}]));
}

#[test]
fn a_peer_that_goes_and_comes_back_within_a_tick_is_told_to_have_done_both_in_order() {
    let (mut world, alice, bob) = busy();
    world.disconnect(bob);
    world.join("bob", "room");
    world.wait(TICK);
    assert_eq!(world.take(alice), [left("room", &["bob"]), joined("room", &["bob"])]);
}

#[test]
fn no_message_overtakes_the_news_of_its_sender() {
    for message in [
        json!({"type": "publish", "channel": "room", "data": 1}),
        json!({"type": "send", "to": "alice", "data": 1}),
    ] {
        let (mut world, alice, _) = busy();
        let carol = world.join("carol", "room");
        world.join("dave", "room");
        assert!(world.take(alice).is_empty());
        world.say(carol, message);
        let frames = world.take(alice);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(frames[0], joined("room", &["carol", "dave"]));
        assert_eq!(frames[1]["from"], "carol");
        world.wait(TICK);
        assert!(world.take(alice).is_empty());
    }
}

#[test]
fn who_was_alone_hears_of_the_first_to_come_at_once() {
    let mut world = world();
    let alice = world.join("alice", "room");
    world.join("bob", "room");
    assert_eq!(world.take(alice), [joined("room", &["bob"])]);
}

#[test]
fn a_crowd_costs_each_of_its_members_few_frames() {
    let mut world = world();
    let conns: Vec<_> = (0..100).map(|i| world.join(&format!("peer-{i:03}"), "room")).collect();
    world.wait(TICK);
    for (at, conn) in conns.iter().enumerate() {
        let frames = world.take(*conn);
        assert!(frames.len() <= 2, "{} frames", frames.len());
        let told: usize = frames.iter().map(|frame| frame["joined"].as_array().unwrap().len()).sum();
        assert_eq!(told, 99 - at);
    }
}

#[test]
fn those_who_have_heard_the_same_share_one_frame() {
    let (mut world, ..) = busy();
    for peer in ["carol", "dave"] {
        world.join(peer, "room");
    }
    world.now.0 += TICK;
    world.hub.handle_timeout(world.now);
    let told = std::iter::from_fn(|| world.hub.poll_output()).map(|output| match output {
        Output::Send { conn, frame } => (conn, frame.as_ptr()),
        Output::Close { .. } => panic!("nobody is closed"),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 3, "Dave knows of all from his snapshot");
    assert_eq!(told[0].1, told[1].1, "Alice and Bob have heard the same");
    assert_ne!(told[0].1, told[2].1);
}

#[test]
fn a_channel_that_empties_has_nothing_to_tell() {
    let (mut world, alice, bob) = busy();
    world.disconnect(bob);
    world.disconnect(alice);
    assert_eq!(world.hub.poll_timeout(), None);
}

#[test]
fn a_clock_that_steps_back_does_not_silence_a_channel() {
    let (mut world, alice, _) = busy();
    world.join("carol", "room");
    world.now.0 -= 60_000;
    world.wait(0);
    assert_eq!(world.take(alice), [joined("room", &["carol"])]);
}
