//! Payloads between peers: what is the application's, what is ours, and what is nobody's.

use metered_core::limits::{FIRST_GATHERED_MS, SIGNAL_BURST, SIGNALS_PER_SECOND};
use metered_protocol::SdpType;
use serde_json::json;

use crate::hand::{Hand, sdp};

#[test]
fn data_of_peers_of_the_room_surfaces_with_its_kind() {
    let mut hand = Hand::joined(&["bob"]);
    hand.direct("bob", json!({"a": [1, null]}));
    hand.frame(json!({"type": "message", "channel": "room", "from": "bob", "data": null}));
    assert_eq!(hand.said(), [r#"direct bob {"a":[1,null]}"#, "broadcast bob null"]);
}

#[test]
fn data_of_strangers_of_ourselves_and_of_other_channels_never_surfaces() {
    let mut hand = Hand::joined(&["bob"]);
    for (kind, channel, from) in [
        ("direct", "room", "eve"),
        ("message", "room", "eve"),
        ("message", "room", "me"),
        ("message", "other", "bob"),
    ] {
        hand.frame(json!({"type": kind, "channel": channel, "from": from, "data": 1}));
    }
    hand.presence(&[], &["bob"]);
    hand.direct("bob", json!(1));
    assert_eq!(hand.said_about("1"), ["r1 idle → closed", "r1 left"]);
}

#[test]
fn presence_of_other_channels_is_ignored() {
    let mut hand = Hand::joined(&["bob"]);
    let bob = json!([{"peerId": "bob"}]);
    hand.frame(json!({"type": "presence", "channel": "other", "joined": [{"peerId": "eve"}], "left": bob}));
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn signals_never_surface_however_broken() {
    let mut hand = Hand::joined(&["bob"]);
    for data in [
        json!({"type": "rtc-description"}),
        json!({"type": "rtc-description", "description": {"type": "pranswer", "sdp": ""}}),
        json!({"type": "rtc-ice", "candidate": "candidate:1"}),
        json!({"type": "rtc-ice", "candidate": {"candidate": "x".repeat(1001)}}),
        json!({"__meteredTrackMeta": 5}),
        json!({"__meteredTrackMeta": {"trackId": "t", "metadata": "camera"}}),
    ] {
        hand.direct("bob", data);
    }
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn signals_that_come_before_the_presence_of_their_sender_wait_for_it() {
    let mut hand = Hand::joined(&[]);
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    hand.remote_candidate("bob", "c1");
    hand.remote_candidate("eve", "e1");
    assert_eq!(hand.said(), [""; 0]);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["k2 to r1 bob", "r1 joined", "k2 set remote offer of bobs"]);
    hand.steps_succeed();
    assert_eq!(hand.said_about("add"), ["k2 add c1"]);
}

#[test]
fn signals_between_a_reconnect_and_its_snapshot_are_for_the_new_connection() {
    let mut hand = Hand::joined(&["bob"]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.said();
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    assert_eq!(hand.said(), [""; 0]);
    hand.presence(&["bob"], &[]);
    assert_eq!(
        hand.said(),
        ["k2 close", "k3 to r1 bob", "r1 reset", "room reconnecting → joined", "k3 set remote offer of bobs"]
    );
}

#[test]
fn signals_of_before_a_drop_are_forgotten() {
    let mut hand = Hand::joined(&[]);
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["k2 to r1 bob", "r1 joined"]);
}

#[test]
fn a_flood_of_signals_of_strangers_is_bounded() {
    let mut hand = Hand::joined(&[]);
    for n in 0..10_000 {
        hand.remote_candidate("bob", &format!("c{n}"));
    }
    hand.presence(&["bob"], &[]);
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    hand.steps_succeed();
    let added = hand.said_about("add ");
    assert!(added.len() <= 200, "{}", added.len());
    assert_eq!(added[0], "k2 add c0");
}

#[test]
fn the_signals_of_a_large_room_leave_at_a_pace_that_servers_take() {
    let names: Vec<String> = (0..200).map(|n| format!("p{n:03}")).collect();
    let mut hand = Hand::joined(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let connections: Vec<u32> = (0..200).map(|n| 2 + 2 * n).collect();
    for k in &connections {
        hand.negotiation_needed(*k);
    }
    hand.steps_succeed();
    for k in &connections {
        hand.gathered(*k, "c1");
        hand.gathered(*k, "c2");
    }
    hand.pass(FIRST_GATHERED_MS);
    let mut sent = hand.said_about("send ");
    assert_eq!(sent.len() as u64, SIGNAL_BURST);
    let mut ms = FIRST_GATHERED_MS;
    while sent.len() < 600 {
        hand.acks(2..=1 + sent.len() as u32);
        hand.pass(1_000);
        ms += 1_000;
        let more = hand.said_about("send ");
        assert!(!more.is_empty(), "nothing leaves in a second, after {ms} ms");
        sent.extend(more);
        let earned = SIGNAL_BURST + SIGNALS_PER_SECOND * ms / 1000;
        assert!(sent.len() as u64 <= earned, "{} have left after {ms} ms, and not {earned}", sent.len());
    }
    assert!(sent[..200].iter().all(|line| line.contains("rtc-description")));
    assert!(sent[200..].iter().all(|line| line.contains("rtc-ice")));
    assert_eq!(sent.iter().collect::<std::collections::BTreeSet<_>>().len(), 600);
}

#[test]
fn signals_that_wait_to_leave_are_forgotten_with_their_connection() {
    let names: Vec<String> = (0..130).map(|n| format!("p{n:03}")).collect();
    let mut hand = Hand::joined(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for n in 0..130 {
        hand.negotiation_needed(2 + 2 * n);
    }
    hand.steps_succeed();
    hand.pass(FIRST_GATHERED_MS);
    hand.said();
    hand.acks(2..=121);
    hand.presence(&[], &["p125"]);
    hand.pass(1_000);
    let sent = hand.said_about("send ");
    assert_eq!(sent.len(), 9);
    assert!(!sent.iter().any(|line| line.contains("p125")), "{sent:?}");
    // And all of them with ours.
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(hand.said_about(r#""send""#), [""; 0]);
}

#[test]
fn our_own_signals_are_not_taken_for_a_remotes() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("me", &sdp(SdpType::Offer, "ours"));
    hand.presence(&["me"], &[]);
    assert_eq!(hand.said(), [""; 0]);
}
