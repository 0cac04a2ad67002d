//! A connection that fails is brought back.

use metered_core::ConnectionState;
use metered_core::limits::CONNECT_TIMEOUT_MS;
use metered_protocol::{Description, SdpType};
use serde_json::json;

use crate::hand::{Hand, sdp};

/// A description of a generation.
fn generation(kind: SdpType, maker: &str, ufrag: &str) -> Description {
    let Description { kind, sdp } = sdp(kind, maker);
    Description { kind, sdp: format!("a=ice-ufrag:{ufrag}\r\n{sdp}") }
}

/// A room with bob, k2 to whom is connected.
fn connected() -> Hand {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &generation(SdpType::Offer, "bob", "b1"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Connecting);
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand
}

const RESTART: &str = "k2 create offer to restart ICE";

#[test]
fn a_connection_that_fails_restarts_at_once_and_is_the_same_afterwards() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Disconnected);
    hand.state(2, ConnectionState::Failed);
    assert_eq!(hand.said(), ["r1 connected → reconnecting", RESTART]);
    hand.steps_succeed();
    hand.description("bob", &generation(SdpType::Answer, "bob", "b2"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Connecting);
    hand.state(2, ConnectionState::Connected);
    assert_eq!(hand.said_about("r1"), ["r1 reconnecting → connected"], "without a hop over connecting");
    hand.pass(600_000);
    assert_eq!(hand.said_about("create"), [""; 0]);
}

#[test]
fn a_restart_without_an_answer_is_tried_again_after_growing_pauses_and_given_up_in_the_end() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Failed);
    let begun = hand.now.0;
    let mut attempts = Vec::new();
    for _ in 0..300 {
        hand.steps_succeed();
        if hand.said().contains(&RESTART.to_owned()) {
            attempts.push((hand.now.0 - begun) / 1000);
        }
        hand.pass(1_000);
    }
    assert_eq!(attempts, [0, 16, 33, 52, 75, 106, 151, 196, 241]);
}

#[test]
fn that_it_was_given_up_is_said_once_and_a_remote_that_moves_is_still_followed() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Failed);
    for _ in 0..60 {
        hand.steps_succeed();
        hand.pass(5_000);
    }
    assert_eq!(hand.said_about("exhausted"), ["r1 ICE restarts exhausted"]);
    hand.state(2, ConnectionState::Failed);
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
    hand.description("bob", &generation(SdpType::Offer, "bob", "b2"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Connected);
    assert_eq!(hand.said_about("r1"), ["r1 reconnecting → connected"]);
    hand.state(2, ConnectionState::Failed);
    assert!(hand.said().contains(&RESTART.to_owned()), "with all attempts again");
}

#[test]
fn a_restart_of_the_remote_takes_the_place_of_ours() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Failed);
    hand.steps_succeed();
    hand.said();
    // Our id is the greater one: we ignore, and bob would yield, had he got our offer.
    hand.description("bob", &generation(SdpType::Offer, "bob", "b2"));
    hand.pass(14_999);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.generation = 2;
    hand.pass(1);
    hand.steps_succeed();
    assert_eq!(
        hand.said_about("k2"),
        ["k2 roll back", "k2 set remote offer of bob", "k2 create answer", "k2 set local answer of ours"]
    );
}

#[test]
fn without_a_server_the_attempts_wait_and_begin_with_its_return() {
    let mut hand = connected();
    hand.drop_socket(1006);
    hand.said();
    hand.state(2, ConnectionState::Failed);
    hand.pass(700);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.frame(json!({"type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null}));
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("k2"), ["k2 close"], "the others have seen us leave");
}

#[test]
fn a_restart_answered_by_another_connection_replaces_ours() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Failed);
    hand.steps_succeed();
    hand.said();
    hand.description("bob", &generation(SdpType::Answer, "bob-again", "c1"));
    assert_eq!(hand.said_about("k"), ["k2 close", "k8 to r1 bob"]);
}

#[test]
fn a_restart_that_yields_to_another_offer_is_still_wanted_if_that_restarts_nothing() {
    // Our id is the lower one: we are polite.
    let mut hand = Hand::joined(&["zoe"]);
    hand.description("zoe", &generation(SdpType::Offer, "zoe", "z1"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Failed);
    hand.steps_succeed();
    hand.said();
    hand.description("zoe", &generation(SdpType::Offer, "zoe", "z1"));
    hand.steps_succeed();
    assert_eq!(hand.said_about("create"), ["k2 create answer", RESTART]);
    hand.description("zoe", &generation(SdpType::Offer, "zoe", "z2"));
    hand.generation = 2;
    hand.steps_succeed();
    assert_eq!(hand.said_about("create"), ["k2 create answer"], "theirs has restarted ours too");
}

#[test]
fn a_connection_that_is_agreed_on_and_does_not_connect_is_restarted() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &generation(SdpType::Offer, "bob", "b1"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Connecting);
    hand.said();
    hand.pass(CONNECT_TIMEOUT_MS - 1);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said_about("k2"), [RESTART]);
    hand.state(2, ConnectionState::Connected);
    hand.steps_succeed();
    hand.said();
    hand.pass(10 * CONNECT_TIMEOUT_MS);
    assert_eq!(hand.said_about("create"), [""; 0]);
}
