//! What peers say about their tracks: it leaves before the description that carries the track, and arrives as it came.

use metered_core::{ConnectionState, Input, JsonText, RemoteId};
use metered_protocol::{SdpType, TrackMeta};
use serde_json::{Value as Json, json};

use crate::hand::{Hand, join, sdp};

fn meta(track: &str, metadata: Option<Json>) -> TrackMeta<JsonText> {
    TrackMeta {
        track_id: track.into(),
        metadata: metadata.map(|metadata| JsonText(metadata.to_string())),
        stream_id: Some("s".into()),
        kind: Some("video".into()),
    }
}

fn describes(hand: &mut Hand, remote: u32, track: &str) {
    hand.input(Input::DescribeTrack(RemoteId(remote), meta(track, Some(json!({"role": "camera"})))));
}

fn arrives(hand: &mut Hand, from: &str, track: &str) {
    let meta = json!({"trackId": track, "metadata": {"role": "screen"}, "kind": "audio"});
    hand.direct(from, json!({"__meteredTrackMeta": meta}));
}

/// What left, in one word each.
fn left(hand: &mut Hand) -> Vec<&'static str> {
    let words = ["__meteredTrackMeta", "offer", "answer", "rtc-ice"];
    let word = |line: String| words.into_iter().find(|word| line.contains(word));
    hand.said_about("send s").into_iter().filter_map(word).collect()
}

#[test]
fn it_is_sent_as_the_protocol_says_and_cleared_by_saying_nothing() {
    let mut hand = Hand::joined(&["bob"]);
    describes(&mut hand, 1, "t1");
    assert_eq!(
        hand.said(),
        [concat!(
            r#"send s1 {"type":"send","requestId":"2","to":"bob","data":{"__meteredTrackMeta":"#,
            r#"{"trackId":"t1","metadata":{"role":"camera"},"streamId":"s","kind":"video"}}}"#
        )]
    );
    hand.input(Input::DescribeTrack(RemoteId(1), meta("t1", None)));
    assert!(hand.said()[0].ends_with(r#"{"trackId":"t1","streamId":"s","kind":"video"}}}"#));
}

#[test]
fn it_leaves_before_an_offer_that_was_made_later() {
    let mut hand = Hand::joined(&["bob"]);
    describes(&mut hand, 1, "t1");
    hand.offers(2);
    assert_eq!(left(&mut hand), ["__meteredTrackMeta", "offer"]);
}

#[test]
fn it_leaves_before_the_answer_that_carries_the_track() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    describes(&mut hand, 1, "t1");
    hand.steps_succeed();
    assert_eq!(left(&mut hand), ["__meteredTrackMeta", "answer"]);
}

#[test]
fn it_keeps_its_place_before_the_offer_when_both_have_to_wait_for_their_turn() {
    let mut hand = Hand::joined(&["bob"]);
    for n in 0..130 {
        hand.gathered(2, &format!("c{n}"));
    }
    hand.said();
    describes(&mut hand, 1, "t1");
    hand.offers(2);
    assert_eq!(left(&mut hand), [""; 0], "the burst is spent");
    hand.acks(2..=121);
    hand.pass(100);
    assert_eq!(left(&mut hand)[..3], ["__meteredTrackMeta", "offer", "rtc-ice"]);
}

#[test]
fn it_can_be_sent_to_a_newcomer_before_we_have_heard_that_we_joined() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    hand.presence(&["bob"], &[]);
    hand.ack(1);
    describes(&mut hand, 1, "t1");
    assert_eq!(left(&mut hand), ["__meteredTrackMeta"]);
}

#[test]
fn for_a_remote_that_is_gone_it_goes_nowhere() {
    let mut hand = Hand::joined(&["bob"]);
    hand.presence(&[], &["bob"]);
    hand.said();
    describes(&mut hand, 1, "t1");
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn one_that_the_server_would_not_take_is_dropped_and_the_connection_stays() {
    let mut hand = Hand::joined(&["bob"]);
    let huge = meta("t1", Some(json!({"x": "x".repeat(70_000)})));
    hand.input(Input::DescribeTrack(RemoteId(1), huge));
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.logs, ["dropped a signal: it is longer than the server takes"]);
}

#[test]
fn what_a_remote_says_about_its_track_is_handed_on() {
    let mut hand = Hand::joined(&["bob"]);
    arrives(&mut hand, "bob", "t1");
    hand.direct("bob", json!({"__meteredTrackMeta": {"trackId": "t1", "metadata": null, "streamId": "s"}}));
    assert_eq!(hand.said(), [r#"r1 track t1 {"role":"screen"} /audio"#, "r1 track t1 null s/"]);
}

#[test]
fn what_comes_before_the_presence_of_its_sender_waits_for_it_in_its_place() {
    let mut hand = Hand::joined(&[]);
    arrives(&mut hand, "bob", "t1");
    hand.description("bob", &sdp(SdpType::Offer, "bobs"));
    arrives(&mut hand, "eve", "t2");
    assert_eq!(hand.said(), [""; 0]);
    hand.presence(&["bob"], &[]);
    assert_eq!(
        hand.said(),
        [
            "k2 to r1 bob",
            "r1 joined",
            r#"r1 track t1 {"role":"screen"} /audio"#,
            "k2 set remote offer of bobs"
        ]
    );
}

#[test]
fn a_flood_of_it_from_strangers_is_bounded() {
    let mut hand = Hand::joined(&[]);
    for n in 0..10_000 {
        arrives(&mut hand, "bob", &format!("t{n}"));
    }
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("track").len(), 256);
}

#[test]
fn of_a_remote_whose_connection_stays_after_a_drop_it_is_asked_for_again() {
    let mut hand = Hand::room();
    let welcome = json!({
        "type": "welcome", "peerId": "me", "maxMessageSize": 65536, "serverTime": 1, "expiresAt": null,
        "resume": {"token": "t", "graceMs": 15_000},
    });
    hand.call(join("room"));
    hand.frame(welcome.clone());
    hand.ack(1);
    hand.presence(&["bob"], &[]);
    hand.state(2, ConnectionState::Connected);
    hand.drop_socket(1006);
    hand.pass(700);
    hand.frame(welcome);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["r1 signals lost", "room reconnecting → joined"]);
}
