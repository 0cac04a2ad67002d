//! Requests and their answers.

use metered_core::Call;
use serde_json::json;

use crate::hand::{Hand, channel, payload, peer, subscribe};

fn publish(n: u32) -> Call<serde_json::Value> {
    Call::Publish { channel: channel("c"), data: payload(json!(n)) }
}

#[test]
fn each_answer_settles_the_request_it_names() {
    let mut hand = Hand::connected();
    hand.call(publish(1));
    hand.call(Call::SendTo { to: peer("bob"), data: payload(json!(null)) });
    assert_eq!(
        hand.said(),
        [
            r#"send s1 {"type":"publish","requestId":"1","channel":"c","data":1}"#,
            r#"send s1 {"type":"send","requestId":"2","to":"bob","data":null}"#
        ]
    );
    hand.ack(2);
    assert_eq!(hand.said(), ["call 3 ok"]);
    hand.frame(json!({"type": "error", "requestId": "1", "code": "brand_new", "message": "no"}));
    assert_eq!(
        hand.said(),
        [
            r#"call 2 Server(ServerError { code: ErrorCode("brand_new"), request_id: Some("1"), message: Some("no") })"#
        ]
    );
}

#[test]
fn an_answer_to_nothing_settles_nothing() {
    let mut hand = Hand::connected();
    hand.call(publish(1));
    hand.ack(1);
    hand.said();
    hand.ack(1);
    hand.ack(99);
    for id in ["", "x", "-1", "01", "99999999999999999999999"] {
        hand.frame(json!({"type": "ack", "requestId": id}));
    }
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_request_that_is_not_answered_times_out_once() {
    let mut hand = Hand::connected();
    hand.call(publish(1));
    hand.pass(5_000);
    hand.call(publish(2));
    hand.said();
    hand.pass(9_999);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), [r#"call 2 AckTimeout { request_id: "1", timeout_ms: 15000 }"#]);
    hand.ack(1);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(5_000);
    assert_eq!(hand.said(), [r#"call 3 AckTimeout { request_id: "2", timeout_ms: 15000 }"#]);
}

#[test]
fn a_request_in_flight_ends_with_its_connection() {
    let mut hand = Hand::connected();
    hand.call(publish(1));
    hand.call(subscribe("c"));
    hand.said();
    hand.drop_socket(1006);
    assert_eq!(hand.said_about("call"), ["call 2 Disconnected", "call 3 Disconnected"]);
    hand.comes_back("me");
    hand.said();
    hand.ack(1);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_request_without_a_connection_is_refused_at_once() {
    let mut hand = Hand::client(crate::hand::config());
    hand.call(publish(1));
    hand.call(Call::Connect);
    hand.call(publish(1));
    assert_eq!(hand.said_about("NotConnected"), ["call 1 NotConnected", "call 3 NotConnected"]);
    hand.welcome("me");
    hand.drop_socket(1006);
    hand.call(publish(1));
    assert_eq!(hand.said_about("NotConnected"), ["call 4 NotConnected"]);
}

#[test]
fn a_frame_that_the_server_would_not_take_is_refused() {
    let mut hand = Hand::client(crate::hand::config());
    hand.call(Call::Connect);
    hand.frame(json!({"type": "welcome", "peerId": "me", "maxMessageSize": 100}));
    hand.said();
    hand.call(Call::Publish { channel: channel("c"), data: payload(json!("x".repeat(100))) });
    assert!(hand.said()[0].starts_with("call 2 Oversized { size: 1"));
    hand.call(publish(1));
    assert_eq!(hand.said().len(), 1);
}

#[test]
fn an_error_that_answers_no_request_surfaces_unless_it_answers_a_ping() {
    let mut hand = Hand::connected();
    hand.frame(json!({"type": "error", "code": "over_message_quota"}));
    assert_eq!(hand.said(), ["server error over_message_quota"]);
    hand.frame(json!({"type": "error", "code": "unknown_type"}));
    assert_eq!(hand.said(), [""; 0]);
    hand.frame(json!({"type": "error", "code": "unknown_type", "requestId": "77"}));
    assert_eq!(hand.said(), ["server error unknown_type"]);
}

#[test]
fn what_the_server_sends_surfaces() {
    let mut hand = Hand::connected();
    hand.frame(json!({"type": "message", "channel": "c", "from": "bob", "data": {"x": null}}));
    hand.frame(json!({"type": "direct", "from": "bob", "data": {"type": "rtc-ice", "candidate": null}}));
    hand.frame(json!({"type": "going_away", "retryAfterMs": 1500}));
    assert_eq!(
        hand.said(),
        [
            r#"message bob@c {"x":null}"#,
            r#"direct bob {"candidate":null,"type":"rtc-ice"}"#,
            "going away 1500"
        ]
    );
}
