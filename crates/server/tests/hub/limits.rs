//! The bounds, and that 0 switches each off.

use metered_server::Limits;
use serde_json::json;

use crate::world::{World, left};

#[test]
fn a_connection_has_a_hundred_channels_and_gets_room_by_leaving_one() {
    let mut world = World::with(Limits { messages_per_second: 0, ..Limits::default() });
    let alice = world.connect("alice");
    for i in 0..100 {
        world.subscribe(alice, &format!("room-{i}"));
    }
    world.take(alice);
    let one_more = json!({"type": "subscribe", "channel": "one more", "requestId": "1"});
    let answer = world.ask(alice, one_more.clone());
    assert_eq!((&answer["code"], &answer["requestId"]), (&json!("channel_limit_exceeded"), &json!("1")));
    world.say(alice, json!({"type": "subscribe", "channel": "room-0", "requestId": "2"}));
    assert_eq!(world.take(alice)[0]["type"], "ack", "what it has it may ask for again");
    world.say(alice, json!({"type": "unsubscribe", "channel": "room-0"}));
    world.say(alice, one_more);
    assert_eq!(world.take(alice)[0]["type"], "ack");
}

#[test]
fn no_channel_limit_is_no_limit() {
    let limits = Limits { channels_per_connection: 0, messages_per_second: 0, ..Limits::default() };
    let mut world = World::with(limits);
    let alice = world.connect("alice");
    for i in 0..500 {
        world.subscribe(alice, &format!("room-{i}"));
    }
    assert!(world.take(alice).iter().all(|frame| frame["type"] == "presence"));
}

#[test]
fn a_frame_over_64_kib_closes_its_connection_with_1009() {
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let alice = world.join("alice", "room");
    world.take(bob);
    let frame = |length: usize| {
        let head = r#"{"type":"publish","channel":"room","data":""#;
        format!("{head}{}\"}}", "x".repeat(length - head.len() - 2))
    };
    world.say_text(alice, &frame(65_536));
    assert_eq!(world.take(bob).len(), 1);
    world.say_text(alice, &frame(65_537));
    assert_eq!(world.close_of(alice), Some((1009, "message too big")));
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
}

#[test]
fn more_than_a_burst_of_messages_closes_the_connection_with_4011() {
    let mut world = World::new();
    let alice = world.connect("alice");
    for _ in 0..200 {
        world.say(alice, json!({"type": "ping"}));
    }
    assert_eq!(world.close_of(alice), None);
    world.say_text(alice, "not even a frame");
    assert_eq!(world.close_of(alice), Some((4011, "message rate exceeded")));
    assert_eq!(world.take(alice).len(), 200);
}

#[test]
fn the_sustained_rate_is_never_too_much_and_connections_are_counted_apart() {
    let mut world = World::new();
    let (alice, bob) = (world.connect("alice"), world.connect("bob"));
    for _ in 0..1000 {
        world.say(alice, json!({"type": "ping"}));
        world.say(bob, json!({"type": "ping"}));
        world.wait(10);
    }
    assert_eq!((world.close_of(alice), world.close_of(bob)), (None, None));
}

#[test]
fn no_message_rate_is_no_limit() {
    let mut world = World::with(Limits { messages_per_second: 0, ..Limits::default() });
    let alice = world.connect("alice");
    for _ in 0..10_000 {
        world.say(alice, json!({"type": "ping"}));
    }
    assert_eq!(world.close_of(alice), None);
}
