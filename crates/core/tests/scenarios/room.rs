//! The life of a room.

use metered_core::{Call, CallId, Input, RoomState};
use serde_json::json;

use crate::hand::{Hand, close, join, payload, peer};

#[test]
fn a_room_is_joined_and_its_peers_follow() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    assert_eq!(hand.said(), ["room idle → joining", "open s1 wss://server.test/v1?key=pk_live_dev"]);
    hand.welcome("me");
    assert_eq!(hand.said(), [r#"send s1 {"type":"subscribe","requestId":"1","channel":"room"}"#]);
    hand.ack(1);
    assert_eq!(hand.said(), ["room joining → joined", "joined room as me", "call 1 ok"]);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["k2 to r1 bob", "r1 joined"]);
}

#[test]
fn a_snapshot_that_comes_before_the_ack_is_not_lost() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    hand.said();
    hand.presence(&["bob"], &[]);
    hand.presence(&["zoe"], &["bob"]);
    assert_eq!(hand.said(), [""; 0]);
    hand.ack(1);
    assert_eq!(
        hand.said(),
        [
            "room joining → joined",
            "joined room as me",
            "call 1 ok",
            "k2 to r1 bob",
            "r1 joined",
            "k4 to r3 zoe",
            "r3 joined",
            "k2 close",
            "r1 idle → closed",
            "r1 left",
        ]
    );
}

#[test]
fn a_first_connect_that_fails_rejects_the_join_and_is_not_tried_again() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["room joining → idle", r#"call 1 Connect(CloseCode(1006), "")"#]);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);

    hand.call(join("room"));
    hand.welcome("me");
    hand.ack(1);
    assert_eq!(hand.core.room_state(), RoomState::Joined);
}

#[test]
fn a_subscribe_that_is_refused_rejects_the_join_and_lets_go_of_the_socket() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    hand.presence(&["bob"], &[]);
    hand.said();
    hand.frame(json!({"type": "error", "requestId": "1", "code": "channel_not_authorized"}));
    let said = hand.said();
    assert_eq!(said[0], "room joining → idle");
    assert!(
        said[1].starts_with("call 1 Server(ServerError { code: ErrorCode(\"channel_not_authorized\")"),
        "{said:?}"
    );
    assert_eq!(said[2..], ["close s1 1000 join failed"]);

    // What came for the failed join is not taken for the next one's.
    hand.call(join("room"));
    hand.welcome("me");
    hand.said();
    hand.ack(2);
    assert_eq!(hand.said_about("joined"), ["room joining → joined", "joined room as me"]);
}

#[test]
fn a_drop_between_subscribe_and_its_ack_rejects_the_join() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["room joining → idle", "call 1 Disconnected"]);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_close_in_the_middle_of_a_join_ends_both() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.said();
    hand.call(close());
    assert_eq!(
        hand.said(),
        ["room joining → leaving", "call 1 Closed", "close s1 1000 client requested close"]
    );
    hand.drop_socket(1000);
    assert_eq!(hand.said(), ["room leaving → closed", "left bye", "call 2 ok"]);

    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    hand.call(close());
    hand.said();
    hand.ack(1);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), [""; 0]);
    hand.drop_socket(1000);
    assert_eq!(hand.said(), ["room leaving → closed", "left bye", "call 2 ok"]);
}

#[test]
fn a_room_closes_once_and_for_good() {
    let mut hand = Hand::joined(&["bob"]);
    hand.call(close());
    assert_eq!(
        hand.said(),
        [
            "room joined → leaving",
            "k2 close",
            "r1 idle → closed",
            "r1 left",
            "close s1 1000 client requested close"
        ]
    );
    hand.call(close());
    hand.drop_socket(1000);
    assert_eq!(hand.said(), ["room leaving → closed", "left bye", "call 2 ok", "call 3 ok"]);
    hand.call(close());
    assert_eq!(hand.said(), ["call 4 ok"]);
    hand.call(join("room"));
    assert_eq!(hand.said(), ["call 5 InvalidState"]);
}

#[test]
fn a_close_does_not_wait_for_a_socket_that_stays_silent() {
    let mut hand = Hand::joined(&[]);
    hand.call(close());
    hand.pass(999);
    assert_eq!(hand.said_about("call"), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), ["room leaving → closed", "left bye", "call 2 ok"]);
    hand.drop_socket(1006);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_close_during_the_backoff_settles_at_once() {
    let mut hand = Hand::joined(&[]);
    hand.drop_socket(1006);
    hand.said();
    hand.call(close());
    assert_eq!(
        hand.said(),
        ["room reconnecting → leaving", "room leaving → closed", "left bye", "call 2 ok"]
    );
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_room_that_was_never_joined_closes_without_a_word() {
    let mut hand = Hand::room();
    hand.call(close());
    assert_eq!(hand.said(), ["room idle → closed", "call 1 ok"]);
}

#[test]
fn a_close_code_that_allows_no_retry_closes_the_room() {
    for code in [4001, 4003, 4012, 4020] {
        let mut hand = Hand::joined(&["bob"]);
        hand.drop_socket(code);
        assert_eq!(
            hand.said(),
            [
                format!("error Terminal(CloseCode({code}))").as_str(),
                "k2 close",
                "r1 idle → closed",
                "r1 left",
                "room joined → closed",
                format!("left disconnected (code {code})").as_str(),
            ]
        );
        hand.pass(600_000);
        assert_eq!(hand.said(), [""; 0]);
    }
}

#[test]
fn a_refusal_while_reconnecting_closes_the_room() {
    let mut hand = Hand::joined(&[]);
    hand.drop_socket(1006);
    hand.pass(700);
    hand.said();
    hand.drop_socket(4001);
    assert_eq!(
        hand.said(),
        ["error Terminal(CloseCode(4001))", "room reconnecting → closed", "left disconnected (code 4001)"]
    );
}

#[test]
fn a_reserved_channel_and_a_second_join_are_refused() {
    let mut hand = Hand::room();
    hand.call(join("_System/x"));
    assert_eq!(hand.said(), ["call 1 Send(ReservedChannel)"]);
    hand.call(join("room"));
    hand.said();
    hand.call(join("room"));
    assert_eq!(hand.said(), ["call 3 InvalidState"]);
}

#[test]
fn sends_are_refused_outside_the_room_to_oneself_and_when_too_large() {
    let send = |to: &str| Call::SendTo { to: peer(to), data: payload(json!(1)) };
    let broadcast = || Call::Broadcast { data: payload(json!(1)) };

    let mut hand = Hand::room();
    hand.call(broadcast());
    hand.call(send("bob"));
    assert_eq!(hand.said(), ["call 1 Send(NotJoined)", "call 2 Send(NotJoined)"]);

    let mut hand = Hand::joined(&["bob"]);
    hand.call(send("me"));
    assert_eq!(hand.said(), ["call 2 Send(SelfSend)"]);
    hand.call(send("bob"));
    hand.call(broadcast());
    assert_eq!(
        hand.said(),
        [
            r#"send s1 {"type":"send","requestId":"2","to":"bob","data":1}"#,
            r#"send s1 {"type":"publish","requestId":"3","channel":"room","data":1}"#
        ]
    );
    hand.ack(3);
    hand.frame(json!({"type": "error", "requestId": "2", "code": "peer_not_found"}));
    assert_eq!(hand.said().len(), 2);

    let too_long = json!("x".repeat(65_536));
    hand.call(Call::Broadcast { data: payload(too_long) });
    let said = hand.said();
    assert!(said[0].starts_with("call 5 Oversized { size: 655"), "{said:?}");
}

#[test]
fn a_join_that_nobody_waits_for_any_more_leaves_the_room_idle_and_the_next_one_works() {
    for is_connected in [false, true] {
        let mut hand = Hand::room();
        hand.call(join("room"));
        if is_connected {
            hand.welcome("me");
        }
        hand.said();
        hand.input(Input::Aborted(CallId(1)));
        let said = hand.said();
        assert!(said.contains(&String::from("room joining → idle")), "{said:?}");
        assert!(said.iter().any(|line| line.starts_with("close s1")), "{said:?}");

        hand.call(join("room"));
        assert!(hand.said().iter().any(|line| line.starts_with("open s")));
        hand.welcome("me");
        hand.ack(if is_connected { 2 } else { 1 });
        assert!(hand.said().contains(&String::from("call 2 ok")));
    }
}

#[test]
fn to_give_up_a_join_that_has_ended_changes_nothing() {
    let mut hand = Hand::joined(&["bob"]);
    hand.input(Input::Aborted(CallId(1)));
    hand.input(Input::Aborted(CallId(7)));
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn the_largest_payload_that_fits_is_sent() {
    let mut hand = Hand::joined(&[]);
    let frame =
        |data: &str| format!(r#"{{"type":"publish","requestId":"2","channel":"room","data":{data}}}"#);
    let room_for = 65_536 - frame("").len();
    hand.call(Call::Broadcast { data: payload(json!("x".repeat(room_for - 1))) });
    assert!(hand.said()[0].starts_with("call 2 Oversized { size: 65537, cap: 65536 }"));
    hand.call(Call::Broadcast { data: payload(json!("x".repeat(room_for - 2))) });
    assert_eq!(hand.said()[0].len(), "send s1 ".len() + 65_536);
}

#[test]
fn while_a_close_waits_for_the_socket_of_a_join_that_was_given_up_nobody_joins() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.input(Input::Aborted(CallId(1)));
    hand.call(close());
    hand.said();
    hand.call(join("room"));
    assert_eq!(hand.said(), ["call 3 InvalidState"]);
    hand.drop_socket(1000);
    assert!(hand.said().contains(&"call 2 ok".to_owned()));
}
