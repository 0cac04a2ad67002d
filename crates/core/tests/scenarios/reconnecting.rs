//! A connection that is lost after it was once there.

use metered_core::{Call, Config, Credential, Input, Reconnect, SignallingState, TokenFailure};
use metered_protocol::Secret;

use crate::hand::{Hand, close, config};

/// How long after now the next attempt is due, in milliseconds.
fn next_attempt(hand: &mut Hand) -> u64 {
    let begin = hand.now;
    let before = hand.socket;
    while hand.socket == before {
        let due = hand.core.poll_timeout().expect("an attempt follows");
        hand.pass(due.since(hand.now));
    }
    hand.now.since(begin)
}

#[test]
fn a_drop_is_announced_and_made_good() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["disconnected 1006 retry: true", "client connected → reconnecting"]);
    hand.comes_back("me2");
    assert_eq!(
        hand.said(),
        [
            "open s2 wss://server.test/v1?key=pk_live_dev",
            "client reconnecting → connected",
            "connected me2 again: true"
        ]
    );
}

#[test]
fn attempts_back_off_up_to_half_a_minute_and_start_over_with_a_welcome() {
    let mut hand = Hand::connected();
    for _ in 0..2 {
        for delay in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            hand.drop_socket(1006);
            let waited = next_attempt(&mut hand);
            assert!((delay * 4 / 5..=delay * 6 / 5).contains(&waited), "{waited} for {delay}");
        }
        hand.welcome("me");
    }
}

#[test]
fn close_codes_that_allow_no_retry_end_in_closed() {
    for code in [4001, 4003, 4012, 4020] {
        let mut hand = Hand::connected();
        hand.drop_socket(code);
        assert_eq!(
            hand.said(),
            [format!("disconnected {code} retry: false").as_str(), "client connected → closed"]
        );
        hand.pass(600_000);
        assert_eq!(hand.said(), [""; 0]);
    }
}

#[test]
fn a_terminal_code_ends_a_reconnect_too() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    next_attempt(&mut hand);
    hand.said();
    hand.drop_socket(4001);
    assert_eq!(hand.said(), ["disconnected 4001 retry: false", "client reconnecting → closed"]);
}

#[test]
fn other_close_codes_lead_to_another_attempt() {
    for code in [1000, 1001, 1006, 1008, 1009, 1011, 4000, 4002, 4011, 4999] {
        let mut hand = Hand::connected();
        hand.drop_socket(code);
        assert!(next_attempt(&mut hand) <= 600, "{code}");
    }
}

#[test]
fn an_overloaded_server_is_left_alone_for_half_a_minute_each_time_it_says_so() {
    let mut hand = Hand::connected();
    for _ in 0..3 {
        hand.drop_socket(4010);
        assert!((30_000..=36_000).contains(&next_attempt(&mut hand)));
    }
    hand.drop_socket(1006);
    assert!(next_attempt(&mut hand) < 30_000);
}

#[test]
fn attempts_are_used_up() {
    let reconnect = Some(Reconnect { max_attempts: 3.0, ..Reconnect::default() });
    let mut hand = Hand::connected_with(Config { reconnect, ..config() });
    for _ in 0..3 {
        hand.drop_socket(1006);
        next_attempt(&mut hand);
    }
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["disconnected 1006 retry: false", "client reconnecting → closed"]);
}

#[test]
fn a_client_that_shall_not_reconnect_does_not() {
    let mut hand = Hand::connected_with(Config { reconnect: None, ..config() });
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["disconnected 1006 retry: false", "client connected → closed"]);
}

#[test]
fn an_attempt_without_a_welcome_is_given_up_and_repeated() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    next_attempt(&mut hand);
    hand.said();
    hand.pass(10_000);
    assert_eq!(hand.said(), ["close s2 4000 no welcome", "disconnected 4000 retry: true"]);
    next_attempt(&mut hand);
    hand.welcome("me");
    assert_eq!(hand.core.signalling_state(), SignallingState::Connected);
}

#[test]
fn a_close_during_the_backoff_ends_it() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    hand.said();
    hand.call(close());
    assert_eq!(hand.said(), ["client reconnecting → closed", "call 2 ok"]);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_socket_that_was_left_has_nothing_to_say() {
    let mut hand = Hand::connected();
    let old = hand.socket;
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.said();
    let new = std::mem::replace(&mut hand.socket, old);
    hand.welcome("eve");
    hand.ack(1);
    hand.drop_socket(4001);
    assert_eq!(hand.said(), [""; 0]);
    hand.socket = new;
    assert_eq!(hand.core.peer_id().map(|id| id.as_str()), Some("me"));
}

#[test]
fn a_second_welcome_is_ignored() {
    let mut hand = Hand::connected();
    hand.welcome("eve");
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.core.peer_id().map(|id| id.as_str()), Some("me"));
}

#[test]
fn a_timeout_that_comes_early_or_twice_does_nothing() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    hand.said();
    let due = hand.core.poll_timeout();
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.core.poll_timeout(), due);
    next_attempt(&mut hand);
    hand.said();
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_timeout_that_comes_late_delays_what_was_due() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    hand.said();
    hand.now = hand.now.after(3_600_000);
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), ["open s2 wss://server.test/v1?key=pk_live_dev"]);
}

#[test]
fn a_token_provider_that_keeps_failing_is_an_event_from_the_third_time_on() {
    let reconnect = Some(Reconnect { max_attempts: 4.0, ..Reconnect::default() });
    let config = Config { credential: Credential::TokenProvider, reconnect, ..config() };
    let mut hand = Hand::client(config);
    hand.call(Call::Connect);
    let first = hand.token;
    hand.input(Input::Token(first, Ok(Secret::new("t"))));
    hand.welcome("me");
    hand.drop_socket(1006);
    hand.said();
    let mut events = Vec::new();
    for _ in 0..4 {
        let before = hand.token;
        while hand.token == before && hand.core.signalling_state() == SignallingState::Reconnecting {
            let due = hand.core.poll_timeout().expect("an attempt follows");
            hand.pass(due.since(hand.now));
        }
        assert_eq!(hand.said(), ["fetch a token"]);
        let op = hand.token;
        hand.input(Input::Token(op, Err(TokenFailure::NotAToken)));
        events.push(hand.said().join(", "));
    }
    assert_eq!(
        events,
        [
            "",
            "",
            "token error 3 NotAToken",
            "token error 4 NotAToken, disconnected 1006 retry: false, client reconnecting → closed"
        ]
    );
}
