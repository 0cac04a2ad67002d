//! Frames that are wrong, and the ping.

use serde_json::json;

use crate::world::World;

#[test]
fn a_ping_is_answered_with_a_pong() {
    let mut world = World::new();
    let alice = world.connect("alice");
    assert_eq!(world.ask(alice, json!({"type": "ping"})), json!({"type": "pong"}));
    assert_eq!(world.ask(alice, json!({"type": "ping", "requestId": "1"})), json!({"type": "pong"}));
}

#[test]
fn a_wrong_frame_is_answered_with_its_code_and_its_request_and_harms_nothing() {
    let mut world = World::new();
    let alice = world.connect("alice");
    for (text, code, request_id) in [
        ("", "malformed_message", None),
        ("nonsense", "malformed_message", None),
        ("[1]", "malformed_message", None),
        ("{}", "malformed_message", None),
        (r#"{"type":1,"requestId":"r"}"#, "malformed_message", None),
        (r#"{"type":"ping","requestId":""}"#, "malformed_message", None),
        (r#"{"type":"welcome","requestId":"r"}"#, "unknown_type", Some("r")),
        (r#"{"type":"dance"}"#, "unknown_type", None),
        (r#"{"type":"subscribe","requestId":"r"}"#, "invalid_channel", Some("r")),
        (r#"{"type":"subscribe","channel":"a\u0000","requestId":"r"}"#, "invalid_channel", Some("r")),
        (r#"{"type":"unsubscribe","channel":"","requestId":"r"}"#, "invalid_channel", Some("r")),
        (r#"{"type":"publish","channel":"c","requestId":"r"}"#, "missing_data", Some("r")),
        (r#"{"type":"publish","channel":5,"data":1,"requestId":"r"}"#, "invalid_channel", Some("r")),
        (r#"{"type":"send","data":1,"requestId":"r"}"#, "invalid_peer_id", Some("r")),
        (r#"{"type":"send","to":"é","data":1,"requestId":"r"}"#, "invalid_peer_id", Some("r")),
        (r#"{"type":"send","to":"alice","requestId":"r"}"#, "missing_data", Some("r")),
    ] {
        world.say_text(alice, text);
        let answers = world.take(alice);
        assert_eq!(answers.len(), 1, "{text}");
        assert_eq!(answers[0]["type"], "error", "{text}");
        assert_eq!(answers[0]["code"], code, "{text}");
        assert_eq!(answers[0].get("requestId").and_then(|id| id.as_str()), request_id, "{text}");
    }
    assert_eq!(world.close_of(alice), None);
    assert_eq!(world.ask(alice, json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn names_of_the_greatest_length_pass_and_longer_ones_do_not() {
    let mut world = World::new();
    let alice = world.connect("alice");
    world.say(alice, json!({"type": "subscribe", "channel": "c".repeat(256), "requestId": "r".repeat(128)}));
    assert_eq!(world.take(alice)[0]["requestId"], "r".repeat(128));
    let too_long = json!({"type": "subscribe", "channel": "c".repeat(257)});
    assert_eq!(world.ask(alice, too_long)["code"], "invalid_channel");
    let too_long = json!({"type": "ping", "requestId": "r".repeat(129)});
    assert_eq!(world.ask(alice, too_long)["code"], "malformed_message");
    let too_long = json!({"type": "send", "to": "p".repeat(129), "data": 1});
    assert_eq!(world.ask(alice, too_long)["code"], "invalid_peer_id");
}

#[test]
fn a_binary_frame_is_malformed() {
    let mut world = World::new();
    let alice = world.connect("alice");
    world.hub.handle_binary(world.now, alice, 10);
    world.drain();
    let answers = world.take(alice);
    assert_eq!((answers.len(), &answers[0]["code"]), (1, &json!("malformed_message")));
}

#[test]
fn fields_that_mean_nothing_are_ignored() {
    let mut world = World::new();
    let alice = world.connect("alice");
    world.say(
        alice,
        json!({"type": "subscribe", "channel": "c", "requestId": "1", "includeSenderMetadata": "maybe", "x": [1]}),
    );
    assert_eq!(world.take(alice)[0]["type"], "ack");
}
