//! A token that is renewed before it expires.

use metered_core::{Call, Config, Credential, Input, TokenFailure};
use metered_protocol::Secret;
use serde_json::json;

use crate::hand::{Hand, channel, config, payload};

fn by_token() -> Config {
    Config { credential: Credential::TokenProvider, ..config() }
}

/// The provider answers.
fn token(hand: &mut Hand, token: &str) {
    hand.input(Input::Token(hand.token, Ok(Secret::new(token))));
}

/// The server welcomes us. Its clock shows 1,000 s.
fn welcome(hand: &mut Hand, expires_at: u64) {
    hand.frame(json!({
        "type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1_000, "expiresAt": expires_at,
        "resume": {"token": "r", "graceMs": 15_000}, "resumed": false,
    }));
}

/// A client whose token expires in so many seconds.
fn expiring_in(config: Config, seconds: u64) -> Hand {
    let mut hand = Hand::client(config);
    hand.call(Call::Connect);
    token(&mut hand, "one");
    welcome(&mut hand, 1_000 + seconds);
    hand.said();
    hand
}

#[test]
fn a_fresh_token_replaces_the_connection_before_the_old_one_expires() {
    let mut hand = expiring_in(by_token(), 100);
    hand.pass(69_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), ["fetch a token"]);
    token(&mut hand, "two");
    assert_eq!(
        hand.said(),
        [
            "close s2 4002 token refresh",
            "disconnected 4002 retry: true",
            "client connected → reconnecting",
            "open s4 wss://server.test/v1?token=two&resume=r&seen=0",
        ]
    );
    welcome(&mut hand, 1_200);
    assert_eq!(hand.said(), ["client reconnecting → connected", "connected me again: true"]);
}

#[test]
fn a_token_of_short_life_is_renewed_at_half_of_it() {
    let mut hand = expiring_in(by_token(), 20);
    hand.pass(9_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), ["fetch a token"]);
}

#[test]
fn requests_are_answered_before_the_connection_is_replaced() {
    let mut hand = expiring_in(by_token(), 100);
    hand.pass(70_000);
    hand.call(Call::Publish { channel: channel("c"), data: payload(json!(1)) });
    hand.said();
    token(&mut hand, "two");
    assert_eq!(hand.said(), [""; 0]);
    hand.ack(1);
    assert_eq!(hand.said().get(..2).unwrap(), ["call 2 ok", "close s2 4002 token refresh"]);
}

#[test]
fn a_request_without_an_answer_holds_it_up_half_way_to_the_expiry_at_most() {
    let mut hand = expiring_in(by_token(), 20);
    hand.pass(10_000);
    hand.call(Call::Publish { channel: channel("c"), data: payload(json!(1)) });
    token(&mut hand, "two");
    hand.said();
    hand.pass(4_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said().get(..2).unwrap(), ["close s2 4002 token refresh", "call 2 Disconnected"]);
}

#[test]
fn a_provider_that_fails_is_asked_again_while_there_is_time() {
    let mut hand = expiring_in(by_token(), 20);
    hand.pass(10_000);
    assert_eq!(hand.said(), ["fetch a token"]);
    hand.input(Input::Token(hand.token, Err(TokenFailure::NotAToken)));
    hand.pass(4_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), ["fetch a token"]);
    token(&mut hand, "");
    hand.pass(60_000);
    assert_eq!(hand.said(), [""; 0], "the token has expired by then, and the server will say so");
}

#[test]
fn a_provider_that_hangs_is_given_up_and_keeps_being_reported() {
    let mut hand = expiring_in(by_token(), 100);
    hand.pass(70_000);
    hand.pass(10_000);
    hand.pass(5_000);
    assert_eq!(hand.said(), ["fetch a token", "fetch a token"]);
    hand.input(Input::Token(hand.token, Err(TokenFailure::NotAToken)));
    hand.pass(5_000);
    hand.input(Input::Token(hand.token, Err(TokenFailure::NotAToken)));
    assert_eq!(hand.said(), ["fetch a token", "token error 3 NotAToken"]);
}

#[test]
fn a_provider_that_answers_with_the_same_token_is_not_asked_for_ever() {
    let mut hand = expiring_in(by_token(), 100);
    hand.pass(70_000);
    token(&mut hand, "one");
    welcome(&mut hand, 1_100);
    hand.said();
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn the_same_token_after_a_drop_is_still_renewed() {
    let mut hand = expiring_in(by_token(), 100);
    hand.drop_socket(1006);
    hand.pass(700);
    token(&mut hand, "one");
    welcome(&mut hand, 1_100);
    hand.said();
    hand.pass(70_000);
    assert_eq!(hand.said(), ["fetch a token"]);
}

#[test]
fn nothing_is_renewed_where_that_is_off_or_cannot_be() {
    let off = Config { refresh_before_expiry_ms: 0, ..by_token() };
    let never_again = Config { reconnect: None, ..by_token() };
    for config in [off, never_again] {
        let mut hand = expiring_in(config, 100);
        hand.pass(600_000);
        assert_eq!(hand.said(), [""; 0]);
    }
}

#[test]
fn a_token_that_comes_after_the_close_is_nobodys() {
    let mut hand = expiring_in(by_token(), 100);
    hand.pass(70_000);
    hand.call(crate::hand::close());
    hand.said();
    token(&mut hand, "two");
    assert_eq!((hand.said(), hand.core.poll_timeout().is_some()), (vec![], true));
    hand.drop_socket(1000);
    assert_eq!(hand.core.poll_timeout(), None);
}
