//! The other side closes its end of a connection.

use metered_core::ConnectionState;
use metered_protocol::{Description, SdpType};
use serde_json::json;

use crate::hand::{Hand, join, sdp};

/// A welcome of a server that keeps sessions for 15 s.
fn welcome(hand: &mut Hand) {
    hand.frame(json!({
        "type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null,
        "resume": {"token": "t", "graceMs": 15_000}, "resumed": false,
    }));
}

/// A room with bob, k2 to whom is connected.
fn connected() -> Hand {
    let mut hand = Hand::room();
    hand.call(join("room"));
    welcome(&mut hand);
    hand.ack(1);
    hand.presence(&["bob"], &[]);
    hand.description("bob", &sdp(SdpType::Offer, "bob"));
    hand.steps_succeed();
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand
}

const RESET: [&str; 4] = ["k2 close", "r1 connected → reconnecting", "k6 to r1 bob", "r1 reset"];

#[test]
fn a_connection_that_the_other_side_has_closed_is_replaced_instead_of_restarted() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Closed);
    hand.pass(299);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), RESET);
    hand.pass(60_000);
    assert_eq!(hand.said(), [""; 0], "once");
}

#[test]
fn who_closes_a_connection_because_they_leave_gets_no_other() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Closed);
    hand.pass(200);
    hand.presence(&[], &["bob"]);
    hand.pass(60_000);
    assert_eq!(hand.said(), ["k2 close", "r1 connected → closed", "r1 left"]);
}

#[test]
fn the_offer_of_another_connection_is_the_news_that_was_waited_for() {
    let mut hand = connected();
    hand.state(2, ConnectionState::Closed);
    hand.description("bob", &sdp(SdpType::Offer, "bob-again"));
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
    hand.steps_succeed();
    hand.pass(60_000);
    assert_eq!(hand.said_about("reset"), [""; 0]);
}

#[test]
fn a_step_that_never_ends_because_the_page_has_closed_the_connection_keeps_no_other_waiting() {
    let mut hand = connected();
    hand.description("bob", &sdp(SdpType::Offer, "bob"));
    hand.remote_candidate("bob", "of the old connection");
    assert_eq!(hand.steps_under_way(), 1);
    hand.description("bob", &sdp(SdpType::Offer, "bob-again"));
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
    hand.remote_candidate("bob", "of the new connection");
    hand.steps_succeed();
    let said = hand.said();
    let said_of = |text: &str| said.iter().filter(|line| line.contains(text)).count();
    assert_eq!((said_of("of the old"), said_of("of the new")), (0, 1), "{said:#?}");
}

#[test]
fn an_offer_of_nothing_comes_from_another_connection_too() {
    let mut hand = connected();
    hand.description("bob", &Description { kind: SdpType::Offer, sdp: "v=0\r\na=group:BUNDLE \r\n".into() });
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
    hand.description("bob", &Description { kind: SdpType::Offer, sdp: "v=0\r\na=group:BUNDLE \r\n".into() });
    hand.steps_succeed();
    assert_eq!(hand.said_about("reset"), [""; 0], "once");
}

#[test]
fn without_a_server_it_waits_and_is_replaced_with_the_return() {
    let mut hand = connected();
    hand.drop_socket(1006);
    hand.state(2, ConnectionState::Closed);
    hand.pass(700);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    welcome(&mut hand);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
    hand.pass(10_000);
    assert_eq!(hand.said_about("reset"), [""; 0]);
}

#[test]
fn who_is_missing_on_a_server_that_came_back_gets_a_connection_when_they_are_there() {
    let mut hand = connected();
    hand.drop_socket(1006);
    hand.state(2, ConnectionState::Closed);
    hand.pass(700);
    welcome(&mut hand);
    hand.presence(&[], &[]);
    hand.pass(5_000);
    assert_eq!(hand.said_about("k2"), [""; 0]);
    hand.presence(&["bob"], &[]);
    hand.pass(0);
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
    hand.pass(60_000);
    assert_eq!(hand.said_about("left"), [""; 0]);
}
