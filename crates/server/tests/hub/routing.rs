//! Who hears what.

use metered_protocol::RawJson;
use metered_server::hub::{ConnId, Hub, Output, UnixMillis};
use metered_server::{Identity, Limits};
use serde_json::json;

use crate::world::{START, World, identity, named};

#[test]
fn a_publish_reaches_every_other_subscriber_and_not_the_publisher() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    let bob = world.join("bob", "room");
    let carol = world.join("carol", "room");
    let outsider = world.join("dave", "hall");
    for conn in [alice, bob, carol] {
        world.take(conn);
    }
    let publish = json!({"type": "publish", "channel": "room", "data": {"x": 1}, "requestId": "1"});
    assert_eq!(world.ask(alice, publish), json!({"type": "ack", "requestId": "1"}));
    let message = json!({"type": "message", "channel": "room", "from": "alice", "data": {"x": 1}});
    assert_eq!(world.take(bob), std::slice::from_ref(&message));
    assert_eq!(world.take(carol), [message]);
    assert!(world.take(outsider).is_empty());
}

#[test]
fn a_publisher_need_not_be_subscribed_and_an_empty_channel_is_no_error() {
    let mut world = World::new();
    let alice = world.connect("alice");
    let publish = json!({"type": "publish", "channel": "room", "data": 1, "requestId": "1"});
    assert_eq!(world.ask(alice, publish.clone())["type"], "ack");
    let bob = world.join("bob", "room");
    world.say(alice, publish);
    assert_eq!(world.take(bob)[0]["data"], 1);
}

#[test]
fn other_connections_of_the_publishers_peer_hear_it_too() {
    let mut world = World::new();
    let tab1 = world.join("alice", "room");
    let tab2 = world.join("alice", "room");
    world.say(tab1, json!({"type": "publish", "channel": "room", "data": "hi"}));
    assert!(world.take(tab1).is_empty());
    assert_eq!(world.take(tab2)[0]["from"], "alice");
}

#[test]
fn null_is_a_payload() {
    let mut world = World::new();
    let alice = world.connect("alice");
    let bob = world.join("bob", "room");
    world.say(alice, json!({"type": "publish", "channel": "room", "data": null}));
    assert_eq!(
        world.take(bob),
        [json!({"type": "message", "channel": "room", "from": "alice", "data": null})]
    );
}

#[test]
fn a_payload_passes_to_the_letter() {
    let mut world = World::new();
    let alice = world.connect("alice");
    let bob = world.connect("bob");
    let data = r#"{"z":1.0,"a":123456789012345678901234567890,"é":"\u00e9","a":2}"#;
    let text = format!(r#"{{"type":"send","to":"bob","data":{data}}}"#);
    world.hub.handle_frame(world.now, alice, &text);
    let Some(Output::Send { conn, frame }) = world.hub.poll_output() else { panic!("nothing sent") };
    assert_eq!(conn, bob);
    assert_eq!(&*frame, format!(r#"{{"type":"direct","from":"alice","data":{data}}}"#));
}

#[test]
fn a_broadcast_is_encoded_once() {
    let mut world = World::new();
    let alice = world.connect("alice");
    for peer in ["bob", "carol", "dave"] {
        world.join(peer, "room");
    }
    world.hub.handle_frame(world.now, alice, r#"{"type":"publish","channel":"room","data":1}"#);
    let frames = std::iter::from_fn(|| world.hub.poll_output()).map(|output| match output {
        Output::Send { frame, .. } => frame.as_ptr(),
        Output::Close { .. } => panic!("nobody is closed"),
    });
    let frames: Vec<_> = frames.collect();
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| *frame == frames[0]));
}

#[test]
fn a_direct_message_reaches_every_connection_of_its_peer() {
    let mut world = World::new();
    let alice = world.connect("alice");
    let tab1 = world.connect("bob");
    let tab2 = world.connect("bob");
    let carol = world.connect("carol");
    let send = json!({"type": "send", "to": "bob", "data": [1], "requestId": "1"});
    assert_eq!(world.ask(alice, send), json!({"type": "ack", "requestId": "1"}));
    let direct = json!({"type": "direct", "from": "alice", "data": [1]});
    assert_eq!(world.take(tab1), std::slice::from_ref(&direct));
    assert_eq!(world.take(tab2), [direct]);
    assert!(world.take(carol).is_empty());
}

#[test]
fn a_peer_can_address_itself() {
    let mut world = World::new();
    let tab1 = world.connect("alice");
    let tab2 = world.connect("alice");
    world.say(tab1, json!({"type": "send", "to": "alice", "data": 1, "requestId": "1"}));
    let frames = world.take(tab1);
    assert_eq!((&frames[0]["type"], &frames[1]["type"]), (&json!("ack"), &json!("direct")));
    assert_eq!(world.take(tab2).len(), 1);
}

#[test]
fn a_peer_without_a_connection_is_not_found() {
    let mut world = World::new();
    let alice = world.connect("alice");
    let send = json!({"type": "send", "to": "bob", "data": 1, "requestId": "1"});
    let answer = world.ask(alice, send.clone());
    assert_eq!((&answer["code"], &answer["requestId"]), (&json!("peer_not_found"), &json!("1")));
    let bob = world.connect("bob");
    assert_eq!(world.ask(alice, send.clone())["type"], "ack");
    world.disconnect(bob);
    assert_eq!(world.ask(alice, send)["code"], "peer_not_found");
}

#[test]
fn a_message_carries_its_senders_metadata_only_to_those_who_asked() {
    let mut world = World::new();
    let alice = world.connect_as(named("alice", "Alice"));
    let bob = world.join("bob", "room");
    let carol = world.connect("carol");
    world.say(carol, json!({"type": "subscribe", "channel": "room", "includeSenderMetadata": true}));
    world.take(bob);
    world.take(carol);
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 1}));
    assert_eq!(world.take(bob)[0].get("fromMetadata"), None);
    assert_eq!(world.take(carol)[0]["fromMetadata"], json!({"name": "Alice"}));

    world.subscribe(carol, "room");
    world.take(carol);
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 1}));
    assert_eq!(world.take(carol)[0].get("fromMetadata"), None, "the last subscribe decides");
}

#[test]
fn a_direct_message_always_carries_its_senders_metadata() {
    let mut world = World::new();
    let alice = world.connect_as(named("alice", "Alice"));
    let bob = world.connect("bob");
    world.say(alice, json!({"type": "send", "to": "bob", "data": 1}));
    assert_eq!(world.take(bob)[0]["fromMetadata"], json!({"name": "Alice"}));
    world.say(bob, json!({"type": "send", "to": "alice", "data": 1}));
    assert_eq!(world.take(alice)[0].get("fromMetadata"), None);
}

#[test]
fn private_metadata_is_told_once_and_to_nobody_else() {
    let secret = RawJson::from_value(&json!({"iceServers": [{"credential": "hush"}]}));
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let alice = world.connect_as(Identity { metadata: Some(secret), ..identity("alice") });
    world.subscribe(alice, "room");
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 1}));
    world.say(alice, json!({"type": "send", "to": "bob", "data": 1}));
    assert!(!json!(world.take(bob)).to_string().contains("hush"));
    assert!(!json!(world.take(alice)).to_string().contains("hush"));
}

#[test]
fn the_same_calls_give_the_same_outputs() {
    let play = || {
        let mut hub = Hub::new(Limits::default());
        let now = UnixMillis(START);
        for i in 0..20u64 {
            let conn = ConnId(i);
            hub.connect(now, conn, identity(&format!("p{}", i * 7 % 20)));
            hub.handle_frame(now, conn, r#"{"type":"subscribe","channel":"room"}"#);
            hub.handle_frame(now, conn, r#"{"type":"publish","channel":"room","data":1}"#);
        }
        std::iter::from_fn(|| hub.poll_output())
            .map(|output| match output {
                Output::Send { conn, frame } => format!("{conn:?} {frame}"),
                Output::Close { conn, code, .. } => format!("{conn:?} {code:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(play(), play());
}
