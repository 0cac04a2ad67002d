//! A session that outlives its connection.

use metered_core::{Call, Config, Credential, Input, SocketEvent};
use metered_protocol::Secret;
use serde_json::json;

use crate::hand::{Hand, channel, close, config, subscribe};

/// A welcome with a resume token.
fn welcome(hand: &mut Hand, token: &str, resumed: bool) {
    hand.frame(json!({
        "type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null,
        "resume": {"token": token, "graceMs": 15_000}, "resumed": resumed,
    }));
}

/// A client that is connected with a session.
fn in_session() -> Hand {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    welcome(&mut hand, "t1", false);
    hand.said();
    hand
}

fn unsubscribe(name: &str) -> Call<serde_json::Value> {
    Call::Unsubscribe { channel: channel(name) }
}

/// Loses the connection and answers the address of the next one.
fn reopened(hand: &mut Hand, code: u16) -> String {
    hand.drop_socket(code);
    hand.said();
    hand.pass(700);
    hand.said_about("open").pop().unwrap_or_default()
}

fn message(hand: &mut Hand, n: u32) {
    hand.frame(json!({"type": "message", "channel": "c", "from": "bob", "data": n}));
}

#[test]
fn a_reconnect_presents_the_token_and_what_has_been_seen() {
    let mut hand = in_session();
    message(&mut hand, 1);
    hand.direct("bob", json!(2));
    hand.presence(&["bob"], &[]);
    // What the server does not repeat does not count.
    hand.frame(json!({"type": "pong"}));
    hand.frame(json!({"type": "ack", "requestId": "9"}));
    hand.frame(json!({"type": "news"}));
    assert_eq!(reopened(&mut hand, 1006), "open s2 wss://server.test/v1?key=pk_live_dev&resume=t1&seen=3");
}

#[test]
fn a_resumed_session_counts_on_and_a_new_one_from_nothing() {
    let mut hand = in_session();
    message(&mut hand, 1);
    reopened(&mut hand, 1006);
    welcome(&mut hand, "t2", true);
    message(&mut hand, 2);
    assert_eq!(
        hand.said(),
        ["client reconnecting → connected", "connected me again: true resumed", "message bob@c 2"]
    );
    assert!(reopened(&mut hand, 1006).ends_with("&resume=t2&seen=2"));
    welcome(&mut hand, "t3", false);
    assert!(reopened(&mut hand, 1006).ends_with("&resume=t3&seen=0"));
}

#[test]
fn who_has_dropped_a_frame_does_not_claim_to_have_seen_everything() {
    let dropped = [SocketEvent::Garbage, SocketEvent::Frame(json!({"type": "message"}))];
    for event in dropped {
        let mut hand = in_session();
        hand.input(Input::Socket(hand.socket, event));
        message(&mut hand, 1);
        assert!(reopened(&mut hand, 1006).ends_with("&resume=t1&seen=18446744073709551615"));
    }
}

#[test]
fn an_attempt_that_fails_keeps_the_token_for_the_next() {
    let mut hand = in_session();
    message(&mut hand, 1);
    reopened(&mut hand, 1006);
    assert!(reopened(&mut hand, 1006).is_empty(), "the second backoff is longer");
    hand.pass(700);
    assert!(hand.said_about("open").pop().unwrap().ends_with("&resume=t1&seen=1"));
}

#[test]
fn a_server_that_does_not_resume_changes_nothing() {
    let mut hand = in_session();
    reopened(&mut hand, 1006);
    hand.welcome("me");
    assert_eq!(hand.said(), ["client reconnecting → connected", "connected me again: true"]);
    assert_eq!(reopened(&mut hand, 1006), "open s3 wss://server.test/v1?key=pk_live_dev");
}

#[test]
fn the_token_goes_with_a_close_and_with_a_close_code_that_allows_no_retry() {
    let mut hand = in_session();
    hand.call(close());
    hand.said();
    hand.call(Call::Connect);
    assert_eq!(hand.said_about("open"), ["open s2 wss://server.test/v1?key=pk_live_dev"]);
    welcome(&mut hand, "t2", false);
    hand.drop_socket(4020);
    hand.said();
    hand.call(Call::Connect);
    assert_eq!(hand.said_about("open"), ["open s3 wss://server.test/v1?key=pk_live_dev"]);
}

#[test]
fn a_resumed_session_has_its_subscriptions() {
    let mut hand = in_session();
    hand.call(subscribe("c"));
    hand.ack(1);
    reopened(&mut hand, 1006);
    welcome(&mut hand, "t2", true);
    assert_eq!(hand.said_about("subscribe"), [""; 0]);
}

#[test]
fn what_was_not_answered_is_asked_again_in_a_resumed_session() {
    let mut hand = in_session();
    for name in ["kept", "given-up"] {
        hand.call(subscribe(name));
    }
    hand.ack(1);
    hand.ack(2);
    hand.call(subscribe("asked"));
    hand.call(unsubscribe("given-up"));
    hand.call(unsubscribe("never-had"));
    reopened(&mut hand, 1006);
    welcome(&mut hand, "t2", true);
    assert_eq!(
        hand.said_about("subscribe"),
        [
            r#"send s2 {"type":"unsubscribe","requestId":"6","channel":"given-up"}"#,
            r#"send s2 {"type":"subscribe","requestId":"7","channel":"asked"}"#,
        ]
    );
}

#[test]
fn what_was_given_up_while_offline_is_ended_in_a_resumed_session_and_forgotten_in_a_new_one() {
    for (resumed, asked) in
        [(true, vec![r#"send s2 {"type":"unsubscribe","requestId":"2","channel":"c"}"#]), (false, vec![])]
    {
        let mut hand = in_session();
        hand.call(subscribe("c"));
        hand.ack(1);
        hand.drop_socket(1006);
        hand.call(unsubscribe("c"));
        hand.said();
        hand.pass(700);
        welcome(&mut hand, "t2", resumed);
        assert_eq!(hand.said_about("subscribe"), asked);
    }
}

#[test]
fn those_who_renew_their_subscriptions_themselves_still_get_rid_of_them() {
    let mut hand = Hand::client(Config { auto_resubscribe: false, ..config() });
    hand.call(Call::Connect);
    welcome(&mut hand, "t1", false);
    hand.call(subscribe("c"));
    hand.call(subscribe("d"));
    hand.ack(1);
    hand.call(unsubscribe("c"));
    reopened(&mut hand, 1006);
    welcome(&mut hand, "t2", true);
    assert_eq!(
        hand.said_about("subscribe"),
        [r#"send s2 {"type":"unsubscribe","requestId":"4","channel":"c"}"#]
    );
}

#[test]
fn with_tokens_both_are_presented() {
    let mut hand = Hand::client(Config { credential: Credential::TokenProvider, ..config() });
    hand.call(Call::Connect);
    hand.input(Input::Token(hand.token, Ok(Secret::new("jwt1"))));
    welcome(&mut hand, "r/1", false);
    hand.drop_socket(4002);
    hand.pass(700);
    hand.said();
    hand.input(Input::Token(hand.token, Ok(Secret::new("jwt2"))));
    assert_eq!(hand.said_about("open"), ["open s4 wss://server.test/v1?token=jwt2&resume=r%2F1&seen=0"]);
}

#[test]
fn a_token_is_not_shown() {
    let hand = in_session();
    assert!(!format!("{:?}", hand.core).contains("t1"));
}
