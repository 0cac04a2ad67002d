//! The first connection of a client.

use metered_core::{Call, Config, Credential, Input, SignallingState, TokenFailure};
use metered_protocol::Secret;
use serde_json::json;

use crate::hand::{Hand, close, config, join, payload, subscribe};

fn with_tokens() -> Config {
    Config { credential: Credential::TokenProvider, ..config() }
}

fn token(hand: &mut Hand, token: &str) {
    let op = hand.token;
    hand.input(Input::Token(op, Ok(Secret::new(token))));
}

#[test]
fn nothing_connects_before_one_asks_for_it() {
    let mut hand = Hand::client(config());
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.core.signalling_state(), SignallingState::Idle);
}

#[test]
fn a_client_connects_with_a_key_and_is_welcomed() {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    assert_eq!(hand.said(), ["client idle → connecting", "open s1 wss://server.test/v1?key=pk_live_dev"]);
    hand.welcome("me");
    assert_eq!(hand.said(), ["client connecting → connected", "call 1 ok", "connected me again: false"]);
    assert_eq!(hand.core.peer_id().map(|id| id.as_str()), Some("me"));
}

#[test]
fn a_client_with_tokens_fetches_one_first() {
    let mut hand = Hand::client(with_tokens());
    hand.call(Call::Connect);
    assert_eq!(hand.said(), ["client idle → connecting", "fetch a token"]);
    token(&mut hand, "a.b.c");
    assert_eq!(hand.said(), ["open s2 wss://server.test/v1?token=a.b.c"]);
}

#[test]
fn a_first_attempt_that_fails_rejects_and_is_not_tried_again() {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    hand.said();
    hand.drop_socket(4001);
    assert_eq!(hand.said(), ["client connecting → closed", r#"call 1 Connect(CloseCode(4001), "")"#]);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
    hand.call(Call::Connect);
    hand.welcome("me");
    assert_eq!(hand.core.signalling_state(), SignallingState::Connected);
}

#[test]
fn a_socket_that_never_says_welcome_is_torn_down() {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    hand.said();
    // Other frames do not count.
    hand.frame(json!({"type": "pong"}));
    hand.pass(9_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(
        hand.said(),
        [
            "close s1 4000 no welcome",
            "client connecting → closed",
            r#"call 1 Connect(CloseCode(4000), "no welcome")"#
        ]
    );
    hand.welcome("me");
    hand.drop_socket(1006);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_token_provider_that_fails_or_hangs_rejects_the_first_attempt() {
    let cases = [
        (Err(TokenFailure::Threw(json!("no"))), r#"Token(Threw(String("no")))"#),
        (Ok(Secret::new("")), "Token(NotAToken)"),
    ];
    for (answer, error) in cases {
        let mut hand = Hand::client(with_tokens());
        hand.call(Call::Connect);
        hand.said();
        let op = hand.token;
        hand.input(Input::Token(op, answer));
        assert_eq!(hand.said(), ["client connecting → closed", &format!("call 1 {error}")]);
    }
    let mut hand = Hand::client(with_tokens());
    hand.call(Call::Connect);
    hand.said();
    hand.pass(10_000);
    assert_eq!(hand.said(), ["client connecting → closed", "call 1 Token(TimedOut)"]);
    token(&mut hand, "too-late");
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn connect_close_connect_with_a_token_under_way_opens_one_socket() {
    let mut hand = Hand::client(with_tokens());
    hand.call(Call::Connect);
    let stale = hand.token;
    hand.call(close());
    hand.call(Call::Connect);
    hand.said();
    hand.input(Input::Token(stale, Ok(Secret::new("stale"))));
    assert_eq!(hand.said(), [""; 0]);
    token(&mut hand, "fresh");
    assert_eq!(hand.said(), ["open s3 wss://server.test/v1?token=fresh"]);
}

#[test]
fn connect_is_refused_unless_idle_or_closed() {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    hand.call(Call::Connect);
    hand.welcome("me");
    hand.call(Call::Connect);
    hand.drop_socket(1006);
    hand.call(Call::Connect);
    let refused = ["call 2 InvalidState", "call 3 InvalidState", "call 4 InvalidState"];
    assert_eq!(hand.said_about("InvalidState"), refused);
}

#[test]
fn a_close_ends_a_connect_that_waits() {
    let mut hand = Hand::client(config());
    hand.call(Call::Connect);
    hand.said();
    hand.call(close());
    assert_eq!(hand.said(), ["call 1 Closed", "client connecting → closed", "close s1 1000 bye"]);
    hand.welcome("me");
    assert_eq!(hand.said(), [""; 0]);
    hand.drop_socket(1000);
    assert_eq!(hand.said(), ["call 2 ok"]);
}

#[test]
fn a_close_settles_with_its_socket_or_after_a_second() {
    let mut hand = Hand::connected();
    hand.call(close());
    assert_eq!(
        hand.said(),
        ["client connected → closed", "disconnected 1000 retry: false", "close s1 1000 bye"]
    );
    hand.pass(500);
    hand.call(close());
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(500);
    assert_eq!(hand.said(), ["call 2 ok", "call 3 ok"]);
    hand.call(close());
    assert_eq!(hand.said(), ["call 4 ok"]);
}

#[test]
fn a_new_connection_does_not_wait_for_the_old_one_to_close() {
    let mut hand = Hand::connected();
    let old = hand.socket;
    hand.call(close());
    hand.call(Call::Connect);
    assert_eq!(
        hand.said_about("open"),
        [format!("open s{} wss://server.test/v1?key=pk_live_dev", hand.socket.0)]
    );
    hand.welcome("me");
    hand.said();
    let closed = metered_core::SocketEvent::Closed {
        code: metered_protocol::CloseCode::NORMAL,
        reason: String::new(),
    };
    hand.input(Input::Socket(old, closed));
    assert_eq!(hand.said(), ["call 2 ok"]);
    assert_eq!(hand.core.signalling_state(), SignallingState::Connected);
}

#[test]
fn a_client_has_no_room() {
    let mut hand = Hand::connected();
    hand.call(join("room"));
    hand.call(Call::Broadcast { data: payload(json!(1)) });
    assert_eq!(hand.said_about("InvalidState").len(), 2);
    hand.call(subscribe("room"));
    hand.frame(json!({"type": "presence", "channel": "room", "joined": [{"peerId": "bob"}], "left": []}));
    assert_eq!(hand.said_about("presence"), ["presence room +bob -"]);
}
