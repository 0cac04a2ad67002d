//! The room after a drop of the signalling connection: who stays connected, who gets a new connection, who has left.

use metered_core::{ConnectionEvent, ConnectionState, RoomState};
use metered_protocol::SdpType;
use serde_json::json;

use crate::hand::{Hand, candidate, join, sdp};

/// A welcome of a server that resumes sessions and keeps them for 15 s.
fn welcome(hand: &mut Hand, id: &str, resumed: bool) {
    hand.frame(json!({
        "type": "welcome", "peerId": id, "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null,
        "resume": {"token": "t", "graceMs": 15_000}, "resumed": resumed,
    }));
}

/// A room on such a server. Every odd one of the others is connected: r1 by k2, r3 not by k4, r5 by k6.
fn joined(others: &[&str]) -> Hand {
    let mut hand = Hand::room();
    hand.call(join("room"));
    welcome(&mut hand, "me", false);
    hand.ack(1);
    hand.presence(others, &[]);
    for at in (0..others.len() as u32).step_by(2) {
        hand.state(2 * at + 2, ConnectionState::Connected);
    }
    hand.said();
    hand
}

/// Loses the server for a moment.
fn blinks(hand: &mut Hand) {
    hand.drop_socket(1006);
    hand.pass(700);
    hand.said();
}

#[test]
fn a_resumed_session_goes_on_as_if_nothing_had_happened() {
    let mut hand = joined(&["bob", "eve"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", true);
    assert_eq!(hand.said(), ["room reconnecting → joined"]);
    hand.presence(&[], &["bob"]);
    assert_eq!(hand.said(), ["k2 close", "r1 connected → closed", "r1 left"], "what was missed comes now");
}

#[test]
fn signals_of_the_gap_leave_when_the_session_is_resumed_those_without_an_answer_first() {
    let mut hand = joined(&["bob"]);
    hand.offers(2);
    hand.ack(2);
    hand.gathered(2, "lost");
    hand.drop_socket(1006);
    hand.gathered(2, "waits");
    hand.pass(700);
    hand.said();
    welcome(&mut hand, "me", true);
    let sent: Vec<_> = hand.said_about("send s").into_iter().map(|line| line.contains("lost")).collect();
    assert_eq!(sent, [true, false]);
}

#[test]
fn an_offer_that_was_taken_back_does_not_leave_when_the_session_is_resumed() {
    let mut hand = joined(&["zoe"]);
    hand.drop_socket(1006);
    hand.offers(2);
    hand.pass(700);
    hand.said();
    // While nobody could hear it, the offer has waited in vain.
    hand.pass(15_000);
    hand.steps_succeed();
    hand.said();
    welcome(&mut hand, "me", true);
    assert_eq!(hand.said_about(r#""offer""#).len(), 1, "the one that is made again");
}

#[test]
fn signals_of_the_gap_are_dropped_with_the_session() {
    let mut hand = joined(&["bob"]);
    hand.gathered(2, "lost");
    hand.drop_socket(1006);
    hand.gathered(2, "waits");
    hand.pass(700);
    hand.said();
    welcome(&mut hand, "me", false);
    assert_eq!(hand.said_about("rtc-ice"), [""; 0]);
}

#[test]
fn after_a_restart_of_the_server_who_is_connected_is_left_alone() {
    let mut hand = joined(&["bob", "eve"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.said();
    hand.presence(&["bob", "eve"], &[]);
    assert_eq!(
        hand.said(),
        ["r1 signals lost", "k4 close", "k5 to r3 eve", "r3 reset", "room reconnecting → joined"]
    );
}

#[test]
fn who_is_connected_may_come_back_later_than_we_do() {
    let mut hand = joined(&["bob", "eve", "ken"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.said();
    hand.presence(&[], &[]);
    assert_eq!(
        hand.said(),
        ["k4 close", "r3 idle → closed", "r3 left", "room reconnecting → joined"],
        "nothing holds the one who was not connected"
    );
    hand.pass(14_000);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["r1 signals lost"]);
    hand.pass(1_000);
    assert_eq!(hand.said(), ["k6 close", "r5 connected → closed", "r5 left"]);
}

#[test]
fn who_may_have_come_back_while_we_were_away_ourselves_is_not_given_up_meanwhile() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.presence(&[], &[]);
    hand.ack(2);
    hand.pass(14_500);
    hand.drop_socket(1006);
    hand.pass(700);
    hand.said();
    welcome(&mut hand, "me", true);
    hand.presence(&["bob"], &[]);
    hand.pass(60_000);
    assert_eq!(hand.said_about("r1"), ["r1 signals lost"], "and stays");
}

#[test]
fn a_connection_that_has_failed_meanwhile_is_restarted() {
    let mut hand = joined(&["bob"]);
    hand.drop_socket(1006);
    hand.state(2, ConnectionState::Failed);
    hand.pass(700);
    welcome(&mut hand, "me", false);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(
        hand.said(),
        ["r1 signals lost", "room reconnecting → joined", "k2 create offer to restart ICE"]
    );
}

#[test]
fn an_offer_that_was_lost_with_the_server_is_made_again() {
    let mut hand = joined(&["bob"]);
    hand.offers(2);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.said();
    hand.presence(&["bob"], &[]);
    hand.steps_succeed();
    assert_eq!(hand.said_about("k2"), ["k2 roll back", "k2 create offer", "k2 set local offer of ours"]);
}

#[test]
fn who_was_away_for_longer_than_the_server_waits_has_been_seen_to_leave() {
    let mut hand = joined(&["bob"]);
    hand.drop_socket(1006);
    hand.pass(15_000);
    welcome(&mut hand, "me", false);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
}

#[test]
fn who_comes_back_as_somebody_else_has_new_connections() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "other", false);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
}

#[test]
fn on_a_server_that_does_not_resume_every_connection_is_renewed() {
    let mut hand = Hand::joined(&["bob"]);
    hand.state(2, ConnectionState::Connected);
    blinks(&mut hand);
    hand.welcome("me");
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
}

#[test]
fn a_remote_that_has_renewed_its_own_connection_is_followed() {
    let mut hand = joined(&["bob"]);
    hand.description("bob", &sdp(SdpType::Offer, "bob1"));
    hand.steps_succeed();
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.presence(&["bob"], &[]);
    hand.said();
    hand.description("bob", &sdp(SdpType::Offer, "bob2"));
    assert_eq!(hand.said_about("reset"), ["r1 reset"]);
}

#[test]
fn a_roster_that_does_not_come_is_asked_for_twice_and_then_given_up() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    assert_eq!(hand.said_about("subscribe").len(), 1);
    for request in 2..4 {
        hand.ack(request);
        hand.pass(9_999);
        assert_eq!(hand.said_about("subscribe"), [""; 0]);
        hand.pass(1);
        assert_eq!(hand.said_about("subscribe").len(), 1);
    }
    hand.ack(4);
    hand.pass(10_000);
    assert_eq!(hand.said_about("error"), ["error ReconcileTimeout"]);
    hand.pass(60_000);
    assert_eq!((hand.said_about("error").len(), hand.core.room_state()), (0, RoomState::Reconnecting));
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.core.room_state(), RoomState::Joined, "better late than never");
}

#[test]
fn a_drop_while_the_roster_is_awaited_begins_the_wait_anew() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.pass(9_000);
    blinks(&mut hand);
    hand.pass(60_000);
    assert_eq!(hand.said_about("error"), [""; 0]);
    welcome(&mut hand, "me", true);
    assert_eq!(hand.core.room_state(), RoomState::Reconnecting);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.core.room_state(), RoomState::Joined);
}

#[test]
fn a_connection_that_works_goes_on_while_the_server_is_away() {
    let mut hand = joined(&["bob"]);
    hand.drop_socket(1006);
    hand.said();
    hand.state(2, ConnectionState::Disconnected);
    hand.state(2, ConnectionState::Connected);
    hand.connection(2, ConnectionEvent::Candidate(Some(candidate("later"))));
    assert_eq!(hand.said(), ["r1 connected → reconnecting", "r1 reconnecting → connected"]);
}

#[test]
fn a_roster_that_comes_after_the_others_had_their_time_still_finds_connections_to_keep() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.pass(15_000);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("r1"), ["r1 signals lost"]);
}

#[test]
fn who_is_missing_from_a_roster_that_comes_late_has_had_their_time() {
    let mut hand = joined(&["bob"]);
    blinks(&mut hand);
    welcome(&mut hand, "me", false);
    hand.pass(15_000);
    hand.said();
    hand.presence(&[], &[]);
    assert_eq!(hand.said_about("r1"), ["r1 connected → closed", "r1 left"]);
}

#[test]
fn a_roster_that_a_resumed_session_brings_late_keeps_connections_too() {
    for present in [["bob"].as_slice(), &[]] {
        let mut hand = joined(&["bob"]);
        blinks(&mut hand);
        welcome(&mut hand, "me", false);
        hand.ack(2);
        hand.pass(9_000);
        hand.drop_socket(1006);
        hand.pass(10_000);
        hand.said();
        welcome(&mut hand, "me", true);
        hand.presence(present, &[]);
        hand.pass(0);
        // What follows the roster was missed as well: there, bob may have come back.
        hand.presence(&["bob"], &[]);
        assert_eq!(hand.said_about("r1"), ["r1 signals lost"]);
        hand.pass(60_000);
        assert_eq!(hand.said_about("r1"), [""; 0]);
    }
}

#[test]
fn who_has_been_seen_to_leave_is_not_taken_for_kept_after_the_next_drop() {
    for (id, gap) in [("other", 700), ("me", 15_000)] {
        let mut hand = joined(&["bob"]);
        hand.drop_socket(1006);
        hand.pass(gap);
        welcome(&mut hand, id, false);
        // Before the roster has come, the server is restarted again.
        blinks(&mut hand);
        welcome(&mut hand, id, false);
        hand.said();
        hand.presence(&["bob"], &[]);
        assert_eq!(hand.said_about("reset"), ["r1 reset"], "{id} after {gap} ms");
    }
}

#[test]
fn a_signal_without_an_answer_leaves_again_however_long_it_took_to_find_the_socket_dead() {
    let mut hand = joined(&["bob"]);
    hand.pongs = false;
    hand.gathered(2, "lost");
    hand.pass(40_000);
    hand.drop_socket(1006);
    hand.pass(700);
    hand.said();
    welcome(&mut hand, "me", true);
    assert_eq!(hand.said_about("lost").len(), 1);
}

#[test]
fn an_answer_says_that_what_left_before_has_arrived_too() {
    let mut hand = joined(&["bob"]);
    hand.gathered(2, "one");
    hand.gathered(2, "two");
    hand.gathered(2, "three");
    hand.ack(3);
    blinks(&mut hand);
    welcome(&mut hand, "me", true);
    let again: Vec<_> = hand.said_about("rtc-ice").iter().map(|line| line.contains("three")).collect();
    assert_eq!(again, [true], "and nothing before it");
}
