//! Subscriptions outlive connections.

use metered_core::limits::OVERDUE_SUBSCRIPTIONS;
use metered_core::{Call, Config};
use serde_json::json;

use crate::hand::{Hand, channel, close, config, subscribe};

fn unsubscribe(name: &str) -> Call<serde_json::Value> {
    Call::Unsubscribe { channel: channel(name) }
}

/// The channels that were subscribed to since one last looked.
fn subscribed(hand: &mut Hand) -> Vec<String> {
    let channel = |line: String| line.split(r#""channel":""#).nth(1)?.split('"').next().map(str::to_owned);
    hand.said_about(r#""type":"subscribe""#).into_iter().filter_map(channel).collect()
}

/// The server refuses a request.
fn refuse(hand: &mut Hand, request: u32) {
    hand.frame(json!({"type": "error", "requestId": request.to_string(), "code": "backend_error"}));
}

/// The connection is lost, and there is another; what was said before is not heard any more.
fn reconnect(hand: &mut Hand) {
    hand.drop_socket(1006);
    hand.said();
    hand.comes_back("me");
}

/// The next connection asks for `c` without metadata, as the third request.
#[track_caller]
fn assert_replays_the_older_options(hand: &mut Hand) {
    reconnect(hand);
    assert_eq!(
        hand.said_about("subscribe"),
        [r#"send s2 {"type":"subscribe","requestId":"3","channel":"c"}"#]
    );
}

#[test]
fn a_reconnect_replays_what_is_subscribed_to() {
    let mut hand = Hand::connected();
    for name in ["b", "a", "c"] {
        hand.call(subscribe(name));
    }
    hand.call(unsubscribe("c"));
    reconnect(&mut hand);
    assert_eq!(subscribed(&mut hand), ["b", "a"]);
}

#[test]
fn a_drop_between_subscribe_and_its_ack_does_not_lose_the_subscription() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.drop_socket(1006);
    assert_eq!(hand.said_about("call"), ["call 2 Disconnected"]);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), ["c"]);
}

#[test]
fn a_subscribe_that_was_refused_because_offline_is_not_remembered() {
    let mut hand = Hand::connected();
    hand.drop_socket(1006);
    hand.call(subscribe("c"));
    assert_eq!(hand.said_about("call"), ["call 2 NotConnected"]);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn the_latest_options_are_replayed() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: true });
    reconnect(&mut hand);
    assert_eq!(
        hand.said_about("subscribe"),
        [r#"send s2 {"type":"subscribe","requestId":"3","channel":"c","includeSenderMetadata":true}"#]
    );
}

#[test]
fn a_replay_that_fails_is_tried_again_three_times_two_seconds_apart() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    reconnect(&mut hand);
    let mut request = 2;
    for _ in 0..3 {
        assert_eq!(subscribed(&mut hand), ["c"]);
        hand.frame(json!({"type": "error", "requestId": request.to_string(), "code": "backend_error"}));
        hand.pass(1_999);
        assert_eq!(hand.said(), [""; 0]);
        hand.pass(1);
        request += 1;
    }
    assert_eq!(subscribed(&mut hand), ["c"]);
    hand.frame(json!({"type": "error", "requestId": request.to_string(), "code": "backend_error"}));
    hand.pass(600_000);
    assert_eq!(hand.said(), [""; 0]);
    // The next connection has all its tries again.
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), ["c"]);
}

#[test]
fn an_unsubscribe_cancels_a_replay_that_waits() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.drop_socket(1006);
    hand.comes_back("me");
    refuse(&mut hand, 2);
    hand.call(unsubscribe("c"));
    hand.said();
    hand.pass(600_000);
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_replay_that_fails_after_the_application_has_asked_otherwise_is_not_tried_again() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: true });
    hand.said();
    refuse(&mut hand, 2);
    hand.pass(14_000);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_replay_that_failed_is_tried_again_if_what_was_asked_otherwise_is_refused() {
    let renewed = |hand: &mut Hand, replay_first: bool| {
        let replay = json!({"type": "error", "requestId": "2", "code": "backend_error"});
        let call = json!({"type": "error", "requestId": "3", "code": "backend_error"});
        hand.call(subscribe("c"));
        hand.drop_socket(1006);
        hand.comes_back("me");
        if replay_first {
            hand.frame(replay.clone());
        }
        hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: true });
        if !replay_first {
            hand.frame(replay);
        }
        hand.said();
        hand.frame(call);
        hand.said();
        hand.pass(2_000);
        hand.said_about("subscribe")
    };
    for replay_first in [true, false] {
        let said = renewed(&mut Hand::connected(), replay_first);
        assert_eq!(said, [r#"send s2 {"type":"subscribe","requestId":"4","channel":"c"}"#]);
    }
}

#[test]
fn an_unsubscribe_while_offline_holds() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.drop_socket(1006);
    hand.call(unsubscribe("c"));
    assert_eq!(hand.said_about("call 3"), ["call 3 NotConnected"]);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_subscribe_that_the_server_refuses_is_not_remembered() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.frame(json!({"type": "error", "requestId": "1", "code": "channel_limit_exceeded"}));
    reconnect(&mut hand);
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_refused_change_of_options_leaves_those_that_hold() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.ack(1);
    hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: true });
    refuse(&mut hand, 2);
    assert_replays_the_older_options(&mut hand);
}

#[test]
fn a_refused_subscribe_does_not_undo_an_unsubscribe_whose_answer_is_lost_or_late() {
    for late in [false, true] {
        let mut hand = Hand::connected();
        hand.call(subscribe("c"));
        hand.ack(1);
        hand.call(unsubscribe("c"));
        hand.call(subscribe("c"));
        hand.frame(json!({"type": "error", "requestId": "3", "code": "channel_limit_exceeded"}));
        if late {
            hand.ack(2);
        }
        reconnect(&mut hand);
        assert_eq!(subscribed(&mut hand), [""; 0], "late: {late}");
    }
}

#[test]
fn a_refused_change_leaves_what_was_asked_for_before_it_even_if_that_is_not_answered() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: true });
    refuse(&mut hand, 2);
    assert_replays_the_older_options(&mut hand);
}

#[test]
fn answers_that_cross_leave_what_was_asked_for_last() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.call(unsubscribe("c"));
    hand.call(subscribe("c"));
    refuse(&mut hand, 1);
    hand.ack(3);
    hand.ack(2);
    reconnect(&mut hand);
    assert_eq!(subscribed(&mut hand), ["c"]);
}

/// Subscribes, with and without metadata in turns, so often that the next request is another, and gets no answers.
fn subscribe_in_vain(hand: &mut Hand, times: usize) {
    for time in 0..times {
        hand.call(Call::Subscribe { channel: channel("c"), include_sender_metadata: time % 2 == 1 });
    }
    hand.pass(15_000);
    assert_eq!(hand.said_about("AckTimeout").len(), times);
}

#[test]
fn a_subscribe_that_the_server_refuses_after_it_was_given_up_is_not_remembered() {
    let mut hand = Hand::connected();
    subscribe_in_vain(&mut hand, 1);
    refuse(&mut hand, 1);
    assert_eq!(hand.said(), ["server error backend_error"]);
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_late_refusal_leaves_what_was_asked_for_before_it_even_if_that_was_given_up_too() {
    let mut hand = Hand::connected();
    subscribe_in_vain(&mut hand, 2);
    refuse(&mut hand, 2);
    assert_replays_the_older_options(&mut hand);
}

#[test]
fn what_was_given_up_is_remembered_only_so_long() {
    let mut hand = Hand::connected();
    subscribe_in_vain(&mut hand, 100);
    for request in 100 - OVERDUE_SUBSCRIPTIONS..100 {
        refuse(&mut hand, request as u32 + 1);
    }
    hand.said();
    hand.drop_socket(1006);
    hand.comes_back("me");
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

/// A replay, request 2, that the server has not answered in time.
fn with_a_replay_given_up() -> Hand {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    reconnect(&mut hand);
    hand.pass(16_000);
    assert_eq!(subscribed(&mut hand), ["c"]);
    hand
}

#[test]
fn a_replay_that_is_refused_after_it_was_given_up_is_tried_again_once() {
    let mut hand = with_a_replay_given_up();
    refuse(&mut hand, 2);
    hand.pass(2_000);
    assert_eq!(subscribed(&mut hand), ["c"]);
    hand.ack(3);
    hand.pass(20_000);
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_replay_that_the_server_agrees_to_after_it_was_given_up_is_not_tried_again() {
    let mut hand = with_a_replay_given_up();
    hand.ack(2);
    hand.pass(600_000);
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn a_close_forgets_what_was_subscribed_to() {
    let mut hand = Hand::connected();
    hand.call(subscribe("c"));
    hand.call(close());
    hand.call(Call::Connect);
    hand.said();
    hand.welcome("me");
    assert_eq!(subscribed(&mut hand), [""; 0]);
}

#[test]
fn nothing_is_replayed_for_those_who_do_it_themselves() {
    let mut hand = Hand::connected_with(Config { auto_resubscribe: false, ..config() });
    hand.call(subscribe("c"));
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.said();
    hand.pass(5_000);
    assert_eq!(hand.said(), [""; 0]);
}
