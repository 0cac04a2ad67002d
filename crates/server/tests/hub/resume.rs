//! Sessions that outlive their sockets.

use metered_protocol::{Channel, CloseCode, Secret};
use metered_server::hub::{Arrival, Claim, ConnId, SessionId, Ticket};
use metered_server::{Identity, Limits};
use serde_json::{Value, json};

use crate::world::{START, World, identity, joined, left};

fn ticket(session: u128) -> Ticket {
    Ticket { session: SessionId(session), token: Secret::new(format!("token of {session}")) }
}

/// Somebody new, whose session gets this number.
pub(crate) fn newcomer(identity: Identity, session: u128) -> Arrival {
    Arrival { identity, ticket: Some(ticket(session)), claim: None }
}

/// Somebody who wants a session back, and gets session 999 if that is not to be had.
pub(crate) fn returning(identity: Identity, session: u128, seen: Option<u64>) -> Arrival {
    let claim = Some(Claim { ticket: ticket(session), seen });
    Arrival { identity, ticket: Some(ticket(999)), claim }
}

/// Alice, whose session is 1, and Bob, who can be resumed too, in a room, with nothing left to read. Alice has had one
/// numbered frame: her snapshot lists Bob.
pub(crate) fn room_of_two(limits: Limits) -> (World, ConnId, ConnId) {
    let mut world = World::with(limits);
    let (bob, _) = world.arrive(newcomer(identity("bob"), 2));
    world.subscribe(bob, "room");
    let (alice, _) = world.arrive(newcomer(identity("alice"), 1));
    world.subscribe(alice, "room");
    world.take(alice);
    world.take(bob);
    (world, alice, bob)
}

pub(crate) fn publish(world: &mut World, from: ConnId, data: impl Into<Value>) {
    world.say(from, json!({"type": "publish", "channel": "room", "data": data.into()}));
}

pub(crate) fn resume(world: &mut World, seen: impl Into<Option<u64>>) -> (ConnId, Value) {
    world.arrive(returning(identity("alice"), 1, seen.into()))
}

pub(crate) fn data(frames: &[Value]) -> Vec<Value> {
    frames.iter().map(|frame| frame["data"].clone()).collect()
}

#[test]
fn every_welcome_offers_to_resume_and_says_whether_it_did() {
    let mut world = World::new();
    let (alice, welcome) = world.arrive(newcomer(identity("alice"), 1));
    assert_eq!(welcome["resume"], json!({"token": "token of 1", "graceMs": 15_000}));
    assert_eq!(welcome["resumed"], false);
    world.lose(alice);
    let (_, welcome) = resume(&mut world, 0);
    assert_eq!(welcome["resume"], json!({"token": "token of 1", "graceMs": 15_000}));
    assert_eq!((&welcome["resumed"], &welcome["peerId"]), (&json!(true), &json!("alice")));
}

#[test]
fn nobody_sees_a_flap_and_what_was_missed_follows_the_welcome_in_order() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    publish(&mut world, bob, 1);
    let carol = world.join("carol", "room");
    assert_eq!(world.take(bob), [joined("room", &["carol"])], "and nobody has left");
    let answer = world.ask(bob, json!({"type": "send", "to": "alice", "data": 2, "requestId": "r"}));
    assert_eq!(answer["type"], "ack", "Alice is there to be sent something");
    assert!(world.take(alice).is_empty(), "nothing goes to a socket that is gone");
    let (alice, welcome) = resume(&mut world, 1);
    assert_eq!(welcome["resumed"], true);
    publish(&mut world, bob, 3);
    let frames = world.take(alice);
    assert_eq!(frames[1], joined("room", &["carol"]));
    assert_eq!(data(&frames), [json!(1), json!(null), json!(2), json!(3)]);
    assert!(world.take(bob).is_empty());
    assert_eq!(data(&world.take(carol)), [json!(3)]);
}

#[test]
fn what_was_written_into_a_dead_socket_was_missed_too() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    for number in 0..4 {
        publish(&mut world, bob, number);
    }
    world.lose(alice);
    publish(&mut world, bob, 4);
    // The snapshot and the first two messages have arrived.
    let (alice, welcome) = resume(&mut world, 3);
    assert_eq!(welcome["resumed"], true);
    assert_eq!(data(&world.take(alice)), [2, 3, 4]);
}

#[test]
fn a_client_that_counts_nothing_gets_what_came_after_its_socket_was_gone() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    publish(&mut world, bob, 0);
    world.lose(alice);
    publish(&mut world, bob, 1);
    let (alice, welcome) = resume(&mut world, None);
    assert_eq!(welcome["resumed"], true);
    assert_eq!(data(&world.take(alice)), [1]);
    world.lose(alice);
    let (alice, _) = resume(&mut world, None);
    assert!(world.take(alice).is_empty());
}

#[test]
fn numbers_go_on_from_socket_to_socket_and_a_welcome_that_is_lost_loses_nothing() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    publish(&mut world, bob, 1);
    let (unread, _) = resume(&mut world, 1);
    publish(&mut world, bob, 2);
    world.lose(unread);
    let (alice, _) = resume(&mut world, 1);
    assert_eq!(data(&world.take(alice)), [1, 2]);
    world.lose(alice);
    publish(&mut world, bob, 3);
    let (alice, welcome) = resume(&mut world, 3);
    assert_eq!((welcome["resumed"].clone(), data(&world.take(alice))), (json!(true), vec![json!(3)]));
}

#[test]
fn answers_and_errors_do_not_count_and_do_not_come_again() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.say(alice, json!({"type": "ping"}));
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 0, "requestId": "r"}));
    world.say_text(alice, "nonsense");
    assert_eq!(world.take(alice).len(), 3);
    publish(&mut world, bob, 1);
    world.lose(alice);
    let (alice, _) = resume(&mut world, 1);
    assert_eq!(data(&world.take(alice)), [1]);
}

#[test]
fn a_resumed_session_is_subscribed_and_heard_as_before() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    let (alice, _) = resume(&mut world, 1);
    publish(&mut world, alice, "from Alice");
    assert_eq!(data(&world.take(bob)), ["from Alice"]);
    assert!(world.take(alice).is_empty(), "she does not hear herself");
    world.say(alice, json!({"type": "unsubscribe", "channel": "room"}));
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
}

#[test]
fn whether_anything_is_kept_depends_on_the_close_code_whoever_closes() {
    let last = [1000, 1001, 1008, 1009, 4001, 4003, 4012, 4020];
    let kept = [1006, 4000, 4002, 4010, 4011, 1011, 3000, 4999];
    for (code, is_kept) in last.map(|code| (code, false)).into_iter().chain(kept.map(|code| (code, true))) {
        for by_client in [true, false] {
            let (mut world, alice, bob) = room_of_two(Limits::default());
            if by_client {
                world.hub.disconnect(world.now, alice, CloseCode(code));
            } else {
                world.hub.close(world.now, alice, CloseCode(code), "test");
            }
            world.drain();
            assert_eq!(world.take(bob).is_empty(), is_kept, "{code}");
            assert_eq!(world.close_of(alice).is_some(), !by_client);
            assert_eq!(world.hub.detached_count(), usize::from(is_kept));
            let (_, welcome) = resume(&mut world, 1);
            assert_eq!(welcome["resumed"], is_kept, "{code}");
        }
    }
}

#[test]
fn a_peer_leaves_when_nobody_has_come_back_for_the_length_of_the_grace() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    assert_eq!(world.hub.poll_timeout().unwrap().0, START + 15_000);
    world.wait(14_999);
    assert!(world.take(bob).is_empty());
    world.wait(1);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
    assert_eq!(world.hub.poll_timeout(), None);
    let (alice, welcome) = resume(&mut world, 1);
    assert_eq!((&welcome["resumed"], &welcome["resume"]["token"]), (&json!(false), &json!("token of 999")));
    assert!(world.take(alice).is_empty());
    assert_eq!(
        world.ask(bob, json!({"type": "send", "to": "alice", "data": 1, "requestId": "r"}))["type"],
        "ack"
    );
}

#[test]
fn who_comes_as_the_grace_ends_comes_too_late_even_if_the_timer_does_too() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    world.now.0 += 15_000;
    assert_eq!(resume(&mut world, 1).1["resumed"], false);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
}

#[test]
fn another_socket_takes_over_from_one_that_seems_alive() {
    let (mut world, old, bob) = room_of_two(Limits::default());
    publish(&mut world, bob, 1);
    let (alice, welcome) = resume(&mut world, 1);
    assert_eq!(welcome["resumed"], true);
    assert_eq!(data(&world.take(alice)), [1]);
    assert_eq!(world.close_of(old), Some((1000, "the session has another socket")));
    assert!(world.take(bob).is_empty());
    assert_eq!(world.hub.connection_count(), 2);

    // Whatever is still reported of the old one.
    world.hub.has_read(old, 100);
    publish(&mut world, old, "from the grave");
    world.lose(old);
    world.disconnect(old);
    world.hub.close(world.now, old, CloseCode::ADMIN_DISCONNECT, "test");
    world.wait(60_000);
    assert!(world.take(bob).is_empty() && world.take(alice).is_empty());
    publish(&mut world, bob, 2);
    assert_eq!(data(&world.take(alice)), [2]);
}

#[test]
fn a_socket_that_was_closed_says_nothing_more_though_its_session_is_kept() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.hub.close(world.now, alice, CloseCode::TOKEN_EXPIRED, "test");
    world.drain();
    publish(&mut world, alice, "too late");
    world.hub.close(world.now, alice, CloseCode::OVER_MESSAGE_RATE, "closed already");
    world.lose(alice);
    world.drain();
    assert!(world.take(bob).is_empty() && world.take(alice).is_empty());
    assert_eq!(world.close_of(alice), Some((4002, "test")));
    world.disconnect(alice);
    assert_eq!(world.take(bob), [left("room", &["alice"])], "its goodbye counts");
}

#[test]
fn what_cannot_be_continued_ends_and_begins_afresh_with_the_same_peer() {
    for (was_lost, seen) in [(true, 3), (false, 3), (true, u64::MAX)] {
        let (mut world, old, bob) = room_of_two(Limits::default());
        publish(&mut world, bob, 1);
        if was_lost {
            world.lose(old);
        }
        let (alice, welcome) = resume(&mut world, seen);
        assert_eq!((&welcome["resumed"], &welcome["peerId"]), (&json!(false), &json!("alice")));
        assert_eq!(world.close_of(old).is_some(), !was_lost);
        assert!(world.take(alice).is_empty());
        world.subscribe(alice, "room");
        assert_eq!(world.take(alice), [joined("room", &["bob"])]);
        world.wait(60_000);
        assert!(world.take(bob).is_empty(), "nobody sees the peer go and come");
        let (_, again) = resume(&mut world, 1);
        assert_eq!(again["resumed"], false, "what was lost once is not to be had a second time");
    }
}

#[test]
fn who_begins_afresh_and_does_not_subscribe_again_has_left_after_the_grace_or_with_a_goodbye() {
    for says_goodbye in [false, true] {
        let (mut world, old, bob) = room_of_two(Limits::default());
        world.lose(old);
        let (alice, _) = resume(&mut world, u64::MAX);
        if says_goodbye {
            world.disconnect(alice);
        } else {
            assert!(world.take(bob).is_empty());
            world.wait(15_000);
        }
        assert_eq!(world.take(bob), [left("room", &["alice"])]);
    }
}

#[test]
fn a_session_is_nobody_elses_whatever_the_driver_says() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    let (mallory, welcome) = world.arrive(returning(identity("mallory"), 1, Some(0)));
    assert_eq!((&welcome["resumed"], &welcome["peerId"]), (&json!(false), &json!("mallory")));
    publish(&mut world, bob, 1);
    assert!(world.take(mallory).is_empty());
    assert_eq!(data(&world.take(alice)), [1]);
}

#[test]
fn the_other_connections_of_a_peer_are_none_of_its_sessions_business() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    let (tab, _) = world.arrive(newcomer(identity("alice"), 3));
    world.subscribe(tab, "room");
    world.take(tab);
    world.lose(alice);
    world.say(bob, json!({"type": "send", "to": "alice", "data": 1}));
    world.disconnect(tab);
    assert!(world.take(bob).is_empty(), "the kept session is still Alice");
    let (alice, _) = resume(&mut world, 1);
    assert_eq!((data(&world.take(tab)), data(&world.take(alice))), (vec![json!(1)], vec![json!(1)]));
}

#[test]
fn a_shutdown_keeps_nothing_and_says_nothing_to_those_who_are_away() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    world.hub.shutdown(100, 0);
    world.drain();
    assert_eq!(world.take(bob), [json!({"type": "going_away", "retryAfterMs": 100})]);
    assert!(world.take(alice).is_empty());
    assert_eq!((world.hub.connection_count(), world.hub.detached_count(), world.hub.kept_bytes()), (0, 0, 0));
    assert_eq!(world.hub.poll_timeout(), None);
    let (alice, welcome) = resume(&mut world, 1);
    assert_eq!(welcome["resumed"], false);
    assert_eq!(world.close_of(alice), Some((1001, "server is going away")));
}

#[test]
fn a_server_without_grace_neither_offers_nor_keeps_anything() {
    let (mut world, alice, bob) = room_of_two(Limits { resume_grace_ms: 0, ..Limits::default() });
    world.lose(alice);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
    let (_, welcome) = resume(&mut world, 1);
    assert_eq!((welcome.get("resume"), welcome.get("resumed")), (None, None));
}

#[test]
fn a_kept_session_is_seen_as_a_peer_and_not_as_a_connection() {
    let (mut world, alice, bob) = room_of_two(Limits::default());
    world.lose(alice);
    let room = Channel::parse("room").unwrap();
    assert_eq!((world.hub.connection_count(), world.hub.channel_peers(&room).len()), (1, 2));
    world.lose(bob);
    world.wait(15_000);
    assert_eq!((world.hub.connection_count(), world.hub.channel_peers(&room).len()), (0, 0));
    assert_eq!(world.hub.kept_bytes(), 0);
}

/// Sockets that lose the end of what was written into them, at moments that are as bad as they come.
#[test]
fn whatever_sockets_lose_every_message_arrives_once_and_in_order() {
    let mut chance = 1_u64;
    let mut below = move |end: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % end
    };
    let (mut world, mut alice, bob) = room_of_two(Limits { messages_per_second: 0, ..Limits::default() });
    let (mut seen, mut heard, mut said) = (1, Vec::new(), Vec::new());
    for number in 0..5_000_u64 {
        publish(&mut world, bob, number);
        said.push(json!(number));
        if below(4) > 0 {
            continue;
        }
        let mut arrived = world.take(alice);
        let all = arrived.len() as u64;
        if below(2) == 0 {
            arrived.truncate(below(all + 1) as usize);
            if below(2) == 0 {
                world.lose(alice);
            }
            seen += arrived.len() as u64;
            let (conn, welcome) = resume(&mut world, seen);
            assert_eq!(welcome["resumed"], true);
            alice = conn;
        } else {
            seen += all;
        }
        heard.extend(data(&arrived));
    }
    heard.extend(data(&world.take(alice)));
    assert_eq!(heard, said);
}
