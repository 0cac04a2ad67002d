//! The page becomes visible, the network is back, the machine wakes up: is the connection still there?

use metered_core::{Call, Config, Credential, Input};
use metered_protocol::Secret;
use serde_json::json;

use crate::hand::{Hand, channel, config, payload};

const PING: &str = r#"send s1 {"type":"ping"}"#;

fn connected() -> Hand {
    let mut hand = Hand::connected();
    hand.pongs = false;
    hand
}

#[test]
fn a_connection_that_is_doubted_is_asked_at_once_and_left_if_it_does_not_answer_soon() {
    let mut hand = connected();
    hand.pass(3_000);
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), [PING]);
    hand.input(Input::CheckLink);
    hand.pass(4_999);
    assert_eq!(hand.said(), [""; 0], "one question at a time");
    hand.pass(1);
    assert_eq!(
        hand.said().get(..2).unwrap(),
        ["close s1 4000 inactivity timeout", "disconnected 4000 retry: true"]
    );
}

#[test]
fn a_connection_that_answers_stays() {
    let mut hand = connected();
    hand.input(Input::CheckLink);
    hand.pass(1_000);
    hand.frame(json!({"type": "pong"}));
    hand.said();
    hand.pass(19_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn after_a_doubt_the_keepalive_keeps_its_time() {
    let mut hand = Hand::connected_with(Config { inactivity_timeout_ms: Some(9_000), ..config() });
    hand.pongs = false;
    hand.input(Input::CheckLink);
    hand.pass(10);
    hand.frame(json!({"type": "pong"}));
    hand.said();
    hand.pass(2_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), [PING]);
}

#[test]
fn a_backoff_ends_when_the_network_is_back() {
    let mut hand = connected();
    hand.drop_socket(1006);
    hand.said();
    hand.input(Input::CheckLink);
    assert_eq!(hand.said_about("open").len(), 1);
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), [""; 0], "an attempt under way goes on");
}

#[test]
fn a_wait_that_the_server_asked_for_is_not_cut_short() {
    let mut hand = connected();
    hand.drop_socket(4010);
    hand.said();
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(36_000);
    assert_eq!(hand.said_about("open").len(), 1);
}

#[test]
fn a_machine_that_slept_past_the_window_asks_before_it_gives_up() {
    let mut hand = connected();
    hand.now = hand.now.after(3_600_000);
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), [PING]);
    hand.pass(1_000);
    hand.frame(json!({"type": "pong"}));
    hand.pass(10_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_question_that_slept_is_put_again_once() {
    let mut hand = connected();
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), [PING]);
    hand.now = hand.now.after(60_000);
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), [PING]);
    hand.now = hand.now.after(60_000);
    hand.input(Input::Timeout);
    assert_eq!(hand.said().first().unwrap(), "close s1 4000 inactivity timeout");
}

#[test]
fn a_keepalive_that_comes_late_leaves_the_server_time_to_answer() {
    let mut hand = connected();
    hand.now = hand.now.after(59_000);
    hand.input(Input::Timeout);
    assert_eq!(hand.said(), [PING]);
    hand.pass(4_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said().first().unwrap(), "close s1 4000 inactivity timeout");
}

#[test]
fn a_keepalive_that_comes_late_does_not_shorten_the_window_and_a_doubt_does() {
    let mut hand = connected();
    hand.now = hand.now.after(30_000);
    hand.input(Input::Timeout);
    hand.said();
    hand.pass(20_000);
    assert_eq!(hand.said(), [""; 0]);
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), [PING]);
    hand.pass(5_000);
    assert_eq!(hand.said().first().unwrap(), "close s1 4000 inactivity timeout");
}

#[test]
fn where_the_watchdog_is_off_nothing_is_asked() {
    let mut hand = Hand::connected_with(Config { inactivity_timeout_ms: None, ..config() });
    hand.input(Input::CheckLink);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn it_means_nothing_to_those_who_are_not_connected() {
    let mut hand = Hand::client(Config { credential: Credential::TokenProvider, ..config() });
    hand.input(Input::CheckLink);
    hand.call(Call::Connect);
    hand.said();
    hand.input(Input::CheckLink);
    hand.input(Input::Token(hand.token, Ok(Secret::new("jwt"))));
    hand.input(Input::CheckLink);
    assert_eq!(hand.said(), ["open s2 wss://server.test/v1?token=jwt"]);
}

#[test]
fn latency_is_the_latest_round_trip_of_a_ping_or_a_request() {
    let mut hand = connected();
    assert_eq!(hand.core.latency_ms(), None);
    hand.input(Input::CheckLink);
    hand.pass(42);
    hand.frame(json!({"type": "pong"}));
    assert_eq!(hand.core.latency_ms(), Some(42));
    hand.call(Call::Publish { channel: channel("c"), data: payload(json!(1)) });
    hand.pass(7);
    hand.frame(json!({"type": "pong"}));
    hand.ack(1);
    assert_eq!(hand.core.latency_ms(), Some(7), "a pong that nobody asked for says nothing");
}
