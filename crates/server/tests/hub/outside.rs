//! What a backend asks for, without a connection.

use metered_protocol::{Channel, PeerId, RawJson};
use metered_server::hub::{Elsewhere, Reached, Usage};
use serde_json::{Value, json};

use crate::world::{World, left, named};

fn channel(name: &str) -> Channel {
    Channel::parse(name).unwrap()
}

fn peer(id: &str) -> PeerId {
    PeerId::parse(id).unwrap()
}

fn publish(world: &mut World, metadata: Option<Value>, data: Value) -> usize {
    let metadata = metadata.map(|metadata| RawJson::from_value(&metadata));
    let reached =
        world.hub.publish(world.now, channel("room"), peer("system"), metadata, RawJson::from_value(&data));
    world.drain();
    assert_eq!(reached.elsewhere, Elsewhere::Nobody);
    reached.here
}

fn here(count: usize) -> Reached {
    Reached { here: count, elsewhere: Elsewhere::Nobody }
}

#[test]
fn the_peers_of_a_channel_are_listed_once_each_with_their_metadata() {
    let mut world = World::new();
    for _ in 0..2 {
        let conn = world.connect_as(named("bob", "Bob"));
        world.subscribe(conn, "room");
    }
    world.join("alice", "room");
    world.join("carol", "hall");
    let peers = world.hub.channel_peers(&channel("room"));
    let listed: Vec<_> = peers.iter().map(|p| (p.peer_id.as_str(), p.metadata.is_some())).collect();
    assert_eq!(listed, [("alice", false), ("bob", true)]);
    assert!(world.hub.channel_peers(&channel("nowhere")).is_empty());
}

#[test]
fn what_is_published_from_outside_reaches_every_subscriber() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice", "room"), world.join("bob", "room"));
    let outsider = world.join("carol", "hall");
    world.take(alice);
    assert_eq!(publish(&mut world, None, json!(null)), 2);
    for conn in [alice, bob] {
        let message = json!({"type": "message", "channel": "room", "from": "system", "data": null});
        assert_eq!(world.take(conn), [message]);
    }
    assert!(world.take(outsider).is_empty());
}

#[test]
fn its_metadata_is_shown_to_those_who_asked_and_nobody_there_is_no_mistake() {
    let mut world = World::new();
    assert_eq!(publish(&mut world, None, json!(1)), 0);
    let curious = world.connect("curious");
    world.say(curious, json!({"type": "subscribe", "channel": "room", "includeSenderMetadata": true}));
    let plain = world.join("plain", "room");
    world.take(curious);
    publish(&mut world, Some(json!({"kind": "bot"})), json!(1));
    assert_eq!(world.take(curious)[0]["fromMetadata"], json!({"kind": "bot"}));
    assert_eq!(world.take(plain)[0].get("fromMetadata"), None);
}

#[test]
fn a_kick_closes_every_connection_of_a_peer_and_nobody_elses() {
    let mut world = World::new();
    let bob = world.join("bob", "room");
    let tabs = [world.join("alice", "room"), world.join("alice", "hall")];
    world.take(bob);
    assert_eq!(world.hub.kick(world.now, &peer("alice")), here(2));
    world.drain();
    for tab in tabs {
        assert_eq!(world.close_of(tab), Some((4020, "disconnected by an administrator")));
    }
    assert_eq!(world.close_of(bob), None);
    assert_eq!(world.take(bob), [left("room", &["alice"])]);
    assert_eq!(world.hub.kick(world.now, &peer("alice")), here(0));
}

#[test]
fn usage_counts_what_there_is_and_what_there_was() {
    let mut world = World::new();
    assert_eq!(world.hub.usage(), Usage::default());
    let (alice, bob) = (world.join("alice", "room"), world.join("bob", "room"));
    world.say(alice, json!({"type": "publish", "channel": "room", "data": 1}));
    world.say(alice, json!({"type": "send", "to": "bob", "data": 1}));
    world.say(alice, json!({"type": "send", "to": "nobody", "data": 1}));
    publish(&mut world, None, json!(1));
    world.disconnect(bob);
    let usage = Usage {
        connections: 1,
        peak_connections: 2,
        peers: 1,
        channels: 1,
        messages: 3,
        resumed_sessions: 0,
    };
    assert_eq!(world.hub.usage(), usage);
}
