//! Who is in the room, and what becomes of their connections.

use metered_core::{ConnectionState, RemoteId, RoomState};
use serde_json::json;

use crate::hand::Hand;

#[test]
fn presence_is_counted_once_and_without_ourselves() {
    let mut hand = Hand::joined(&["me", "bob", "bob"]);
    assert_eq!(hand.core.remotes().count(), 1);
    hand.presence(&["bob", "me"], &["nobody"]);
    assert_eq!(hand.said(), [""; 0]);
    hand.presence(&[], &["bob"]);
    assert_eq!(hand.said(), ["k2 close", "r1 idle → closed", "r1 left"]);
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["k4 to r3 bob", "r3 joined"]);
}

#[test]
fn the_lower_id_is_polite() {
    let hand = Hand::joined(&["bob", "zoe"]);
    let polite = |id| hand.core.remote(RemoteId(id)).map(|remote| remote.polite);
    assert_eq!([polite(1), polite(3)], [Some(false), Some(true)]);
}

#[test]
fn a_room_holds_256_others_and_leaves_the_rest_out() {
    let names: Vec<String> = (0..300).map(|n| format!("p{n:03}")).collect();
    let (first, rest) = names.split_at(200);
    let list = |names: &[String]| names.iter().map(|id| json!({"peerId": id})).collect::<Vec<_>>();
    let mut hand = Hand::joined(&[]);
    for names in [first, rest] {
        hand.frame(json!({"type": "presence", "channel": "room", "joined": list(names)}));
    }
    assert_eq!(hand.core.remotes().count(), 256);
    assert_eq!(hand.said_about("joined").len(), 256);
    assert!(hand.logs.iter().any(|log| log.contains("full")));

    hand.presence(&["one-too-many"], &["p000"]);
    assert_eq!(hand.core.remotes().count(), 255);
    hand.presence(&["p299"], &[]);
    assert_eq!(hand.core.remotes().count(), 256);
}

#[test]
fn metadata_is_that_of_the_latest_presence() {
    let mut hand = Hand::joined(&["bob"]);
    let metadata = |hand: &Hand| hand.core.remote(RemoteId(1)).and_then(|remote| remote.metadata.cloned());
    assert_eq!(metadata(&hand), None);
    hand.drop_socket(1006);
    hand.comes_back("me");
    let bob = json!({"peerId": "bob", "metadata": {"name": "Bob"}});
    hand.frame(json!({"type": "presence", "channel": "room", "joined": [bob], "left": []}));
    assert_eq!(metadata(&hand), Some(json!({"name": "Bob"})));
}

#[test]
fn a_reconnect_keeps_the_remotes_that_are_still_there_and_renews_their_connections() {
    let mut hand = Hand::joined(&["ann", "bob"]);
    hand.state(2, ConnectionState::Connecting);
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), ["room joined → reconnecting"], "what connects the peers is still there");
    hand.comes_back("me");
    hand.said();
    hand.presence(&["ann", "zoe"], &[]);
    // Whoever left goes first.
    assert_eq!(
        hand.said(),
        [
            "k4 close",
            "r3 idle → closed",
            "r3 left",
            "k2 close",
            "r1 connected → reconnecting",
            "k5 to r1 ann",
            "r1 reset",
            "k7 to r6 zoe",
            "r6 joined",
            "room reconnecting → joined"
        ]
    );
    hand.state(5, ConnectionState::Connecting);
    hand.state(5, ConnectionState::Connected);
    assert_eq!(hand.said(), ["r1 reconnecting → connected"]);
}

#[test]
fn a_connection_that_was_replaced_has_nothing_to_say() {
    let mut hand = Hand::joined(&["bob"]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.presence(&["bob"], &[]);
    hand.said();
    hand.state(2, ConnectionState::Connected);
    hand.negotiation_needed(2);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn politeness_follows_our_own_id() {
    let mut hand = Hand::joined(&["mia"]);
    let polite = |hand: &Hand| hand.core.remote(RemoteId(1)).map(|remote| remote.polite);
    assert_eq!(polite(&hand), Some(true));
    hand.drop_socket(1006);
    hand.comes_back("zed");
    hand.presence(&["mia"], &[]);
    assert_eq!(polite(&hand), Some(false));
}

#[test]
fn somebody_alone_in_a_room_is_back_with_the_welcome() {
    let mut hand = Hand::joined(&[]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(hand.core.room_state(), RoomState::Joined);
    hand.said();
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said(), ["k2 to r1 bob", "r1 joined"]);
}

#[test]
fn somebody_with_others_is_back_with_the_snapshot() {
    let mut hand = Hand::joined(&["bob"]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(hand.core.room_state(), RoomState::Reconnecting);
    hand.presence(&[], &[]);
    assert_eq!(hand.core.room_state(), RoomState::Joined);
    assert_eq!(hand.core.remotes().count(), 0);
}

#[test]
fn a_second_drop_before_the_snapshot_changes_nothing() {
    let mut hand = Hand::joined(&["bob"]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said(), [""; 0]);
    hand.comes_back("me");
    hand.presence(&["bob"], &[]);
    assert_eq!(hand.said_about("r1"), ["k3 to r1 bob", "r1 reset"]);
}
