//! What is kept for sessions is bounded.

use metered_server::Limits;
use serde_json::json;

use crate::resume::{data, newcomer, publish, resume, room_of_two};
use crate::world::{World, identity, left};

#[test]
fn who_has_missed_more_bytes_than_are_kept_begins_afresh() {
    for (times, resumed) in [(2, true), (3, false)] {
        let limits = Limits { resume_session_bytes: 2_500, ..Limits::default() };
        let (mut world, alice, bob) = room_of_two(limits);
        world.lose(alice);
        for _ in 0..times {
            publish(&mut world, bob, "x".repeat(1_000));
        }
        assert!(world.hub.kept_bytes() <= 2_500);
        let (_, welcome) = resume(&mut world, 1);
        assert_eq!(welcome["resumed"], resumed);
        assert!(world.take(bob).is_empty());
    }
}

#[test]
fn who_has_missed_more_frames_than_are_kept_begins_afresh() {
    for (times, resumed) in [(10, true), (11, false)] {
        let (mut world, alice, bob) = room_of_two(Limits { resume_session_frames: 10, ..Limits::default() });
        for number in 0..times {
            publish(&mut world, bob, number);
        }
        world.lose(alice);
        assert_eq!(resume(&mut world, 1).1["resumed"], resumed);
    }
}

#[test]
fn over_the_bytes_of_all_sessions_nothing_is_kept_and_who_has_missed_nothing_is_resumed_all_the_same() {
    for (seen, resumed) in [(1, false), (2, true)] {
        let (mut world, alice, bob) = room_of_two(Limits { resume_total_bytes: 1_000, ..Limits::default() });
        publish(&mut world, bob, "x".repeat(1_000));
        assert!(world.hub.kept_bytes() <= 1_000);
        world.lose(alice);
        assert_eq!(resume(&mut world, seen).1["resumed"], resumed);
    }
}

#[test]
fn what_is_broadcast_is_kept_once_for_all() {
    let mut world = World::new();
    let bob = world.connect("bob");
    for number in 0..50 {
        let (conn, _) = world.arrive(newcomer(identity(&format!("p{number}")), number));
        world.subscribe(conn, "room");
    }
    let before = world.hub.kept_bytes();
    publish(&mut world, bob, "x".repeat(1_000));
    assert!((1_000..1_200).contains(&(world.hub.kept_bytes() - before)));
}

#[test]
fn what_a_client_is_known_to_have_read_is_not_kept() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    for number in 0..3 {
        publish(&mut world, bob, number);
    }
    // The snapshot and the first message.
    world.hub.has_read(alice, 2);
    world.lose(alice);
    let (alice, welcome) = resume(&mut world, 2);
    assert_eq!(welcome["resumed"], true);
    assert_eq!(data(&world.take(alice)), [1, 2]);

    // What is read is counted by the socket, what was seen by the session.
    world.hub.has_read(alice, 1);
    world.lose(alice);
    let (alice, welcome) = resume(&mut world, 3);
    assert_eq!((welcome["resumed"].clone(), data(&world.take(alice))), (json!(true), vec![json!(2)]));
    world.hub.has_read(alice, u64::MAX);
    world.lose(alice);
    assert_eq!(resume(&mut world, 3).1["resumed"], false, "it said that it had read more");
}

#[test]
fn one_session_too_many_that_waits_ends_the_one_that_has_waited_longest() {
    let mut world = World::with(Limits { detached_sessions: 2, ..Limits::default() });
    let watcher = world.join("watcher", "room");
    for (number, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let (conn, _) = world.arrive(newcomer(identity(name), number as u128));
        world.subscribe(conn, "room");
        world.take(watcher);
        world.lose(conn);
        world.wait(1);
    }
    assert_eq!(world.take(watcher), [left("room", &["alice"])]);
    assert_eq!(world.hub.detached_count(), 2);
}

#[test]
fn a_new_socket_is_no_new_allowance_of_messages() {
    let (mut world, alice, _) = room_of_two(Limits::default());
    for _ in 0..150 {
        world.say(alice, json!({"type": "ping"}));
    }
    world.lose(alice);
    let (alice, _) = resume(&mut world, 1);
    for _ in 0..60 {
        world.say(alice, json!({"type": "ping"}));
    }
    assert_eq!(world.close_of(alice), Some((4011, "message rate exceeded")));
    world.wait(2_000);
    let (alice, welcome) = resume(&mut world, 1);
    assert_eq!(welcome["resumed"], true, "who was too fast may come back and go on");
    assert_eq!(world.ask(alice, json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn what_is_read_is_counted_from_where_its_socket_began() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    for number in 0..3 {
        publish(&mut world, bob, number);
    }
    world.lose(alice);
    let (alice, _) = resume(&mut world, 2);
    world.hub.has_read(alice, 1);
    world.lose(alice);
    assert_eq!(resume(&mut world, 2).1["resumed"], false, "the third frame is not kept any more");
}
