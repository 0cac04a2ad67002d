//! The ICE servers of a welcome, and those of a later one.

use metered_core::ConnectionState;
use metered_core::limits::CONNECT_TIMEOUT_MS;
use metered_protocol::SdpType;
use serde_json::json;

use crate::hand::{Hand, join, sdp};

/// A welcome of a server that resumes sessions, with an ICE server if it has a name.
fn welcome(hand: &mut Hand, resumed: bool, ice_server: Option<&str>) {
    let servers: Vec<_> = ice_server.iter().map(|name| json!({"urls": format!("stun:{name}")})).collect();
    hand.frame(json!({
        "type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null,
        "resume": {"token": "t", "graceMs": 15_000}, "resumed": resumed,
        "metadata": {"iceServers": servers},
    }));
}

/// A room with bob, who has offered and was answered. Their connection, k2, is not connected.
fn agreed() -> Hand {
    let mut hand = Hand::room();
    hand.call(join("room"));
    welcome(&mut hand, false, Some("a"));
    hand.ack(1);
    hand.presence(&["bob"], &[]);
    hand.description("bob", &sdp(SdpType::Offer, "bob"));
    hand.steps_succeed();
    hand.said();
    hand
}

/// The session breaks and is resumed.
fn returns(hand: &mut Hand, ice_server: Option<&str>) {
    hand.drop_socket(1006);
    hand.pass(700);
    hand.said();
    welcome(hand, true, ice_server);
}

const SERVERS: &str = r#"k2 servers [Object {"urls": String("stun:b")}]"#;
const RESTART: &str = "k2 create offer to restart ICE";

#[test]
fn those_of_a_later_welcome_are_those_of_every_connection() {
    let mut hand = agreed();
    hand.state(2, ConnectionState::Connected);
    returns(&mut hand, Some("b"));
    assert_eq!(hand.said_about("k2"), [SERVERS], "what works is not restarted");
    hand.pass(600_000);
    assert_eq!(hand.said_about("create"), [""; 0]);
}

#[test]
fn a_connection_that_could_not_connect_tries_them_at_once() {
    let mut hand = agreed();
    returns(&mut hand, Some("b"));
    assert_eq!(hand.said_about("k2"), [SERVERS, RESTART]);
}

#[test]
fn a_connection_that_was_given_up_tries_them_with_all_its_attempts() {
    let mut hand = agreed();
    hand.state(2, ConnectionState::Failed);
    for _ in 0..60 {
        hand.steps_succeed();
        hand.pass(5_000);
    }
    assert_eq!(hand.said_about("exhausted"), ["r1 ICE restarts exhausted"]);
    returns(&mut hand, Some("b"));
    assert_eq!(hand.said_about("k2"), [SERVERS, RESTART]);
    hand.steps_succeed();
    hand.pass(16_000);
    hand.steps_succeed();
    assert_eq!(hand.said_about("create"), [RESTART], "and not the last one");
}

#[test]
fn a_connection_that_nobody_has_asked_for_is_not_restarted() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    welcome(&mut hand, false, Some("a"));
    hand.ack(1);
    hand.presence(&["bob"], &[]);
    returns(&mut hand, Some("b"));
    assert_eq!(hand.said_about("k2"), [SERVERS]);
}

#[test]
fn a_welcome_without_any_leaves_a_connection_the_time_that_it_had() {
    let mut hand = agreed();
    returns(&mut hand, None);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.pass(CONNECT_TIMEOUT_MS - 701);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said_about("k2"), [RESTART]);
}
