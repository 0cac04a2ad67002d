//! A connection that says nothing.

use metered_core::{Call, Config, Input, SocketEvent};
use serde_json::json;

use crate::hand::{Hand, channel, config, payload};

fn silent(config: Config) -> Hand {
    let mut hand = Hand::connected_with(config);
    hand.pongs = false;
    hand
}

#[test]
fn a_silent_server_is_probed_at_a_third_of_the_window_and_left_at_its_end() {
    let mut hand = silent(config());
    let ping = r#"send s1 {"type":"ping"}"#;
    hand.pass(19_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), [ping]);
    hand.pass(20_000);
    assert_eq!(hand.said(), [ping]);
    hand.pass(19_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(
        hand.said(),
        [
            "close s1 4000 inactivity timeout",
            "disconnected 4000 retry: true",
            "client connected → reconnecting"
        ]
    );
}

#[test]
fn whatever_comes_is_a_sign_of_life() {
    let mut hand = silent(config());
    for n in 0..20 {
        hand.pass(55_000);
        match n % 4 {
            0 => hand.frame(json!({"type": "pong"})),
            1 => hand.frame(json!({"type": "brand-new"})),
            2 => hand.frame(json!(5)),
            _ => {
                let socket = hand.socket;
                hand.input(Input::Socket(socket, SocketEvent::Garbage));
            }
        }
    }
    assert_eq!(hand.said_about("disconnected"), [""; 0]);
}

#[test]
fn our_own_frames_are_no_sign_of_life() {
    let mut hand = silent(config());
    for _ in 0..6 {
        hand.call(Call::Publish { channel: channel("c"), data: payload(json!(1)) });
        hand.pass(10_000);
    }
    assert_eq!(hand.said_about("disconnected"), ["disconnected 4000 retry: true"]);
}

#[test]
fn a_connection_that_is_not_watched_sends_nothing_and_lives_on() {
    let mut hand = silent(Config { inactivity_timeout_ms: None, ..config() });
    hand.pass(24 * 3_600_000);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.core.poll_timeout(), None);
}

#[test]
fn a_short_window_does_not_make_a_flood_of_pings() {
    let mut hand = silent(Config { inactivity_timeout_ms: Some(1_500), ..config() });
    hand.pass(1_499);
    assert_eq!(hand.said_about("ping").len(), 1);
}

#[test]
fn the_watch_ends_with_the_connection() {
    let mut hand = silent(config());
    hand.drop_socket(4020);
    hand.said();
    assert_eq!(hand.core.poll_timeout(), None);
}
