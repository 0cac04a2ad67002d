//! Several hubs are one: what clients see of each other across nodes.

use metered_protocol::{PeerId, RawJson};
use metered_server::Limits;
use metered_server::hub::{Elsewhere, Reached};
use serde_json::{Value, json};

use crate::nodes::{MAX_PAYLOAD, Nodes};
use crate::resume::{newcomer, returning};
use crate::world::{World, identity, joined, left, named};

fn publish(data: impl Into<Value>) -> Value {
    json!({"type": "publish", "channel": "room", "data": data.into()})
}

fn send(to: &str) -> Value {
    json!({"type": "send", "to": to, "data": 1, "requestId": "s"})
}

#[test]
fn a_message_reaches_every_subscriber_and_no_node_without_one() {
    let mut nodes = Nodes::new(3);
    let alice = nodes.with_node(0, |node| node.join("alice", "room"));
    let bobs = nodes.with_node(1, |node| [node.join("bob", "room"), node.join("bob", "room")]);
    nodes.with_node(2, |node| node.join("carol", "hall"));
    nodes.at(0).take(alice);
    for node in [1, 2] {
        nodes.take_sent(0, node);
    }
    nodes.with_node(0, |node| node.say(alice, publish("hi")));
    let message = json!({"type": "message", "channel": "room", "from": "alice", "data": "hi"});
    for bob in bobs {
        assert_eq!(nodes.at(1).take(bob), std::slice::from_ref(&message));
    }
    assert_eq!(nodes.at(0).take(alice), Vec::<Value>::new());
    assert_eq!((nodes.take_sent(0, 1), nodes.take_sent(0, 2)), (1, 0), "once, however many subscribers");
}

#[test]
fn whoever_publishes_without_being_subscribed_is_heard_at_other_nodes_too() {
    let mut nodes = Nodes::new(2);
    let bob = nodes.with_node(1, |node| node.join("bob", "room"));
    nodes.with_node(0, |node| {
        let alice = node.connect("alice");
        node.say(alice, publish(1));
    });
    assert_eq!(nodes.at(1).take(bob)[0]["from"], "alice");
}

#[test]
fn the_senders_metadata_cross_for_those_who_asked() {
    let mut nodes = Nodes::new(2);
    let plain = nodes.with_node(1, |node| node.join("bob", "room"));
    let curious = nodes.with_node(1, |node| {
        let conn = node.connect("carol");
        node.say(conn, json!({"type": "subscribe", "channel": "room", "includeSenderMetadata": true}));
        node.take(conn);
        conn
    });
    nodes.at(1).take(plain);
    nodes.with_node(0, |node| {
        let alice = node.connect_as(named("alice", "Alice"));
        node.say(alice, publish(1));
    });
    assert_eq!(nodes.at(1).take(curious)[0]["fromMetadata"], json!({"name": "Alice"}));
    assert_eq!(nodes.at(1).take(plain)[0].get("fromMetadata"), None);
}

#[test]
fn a_snapshot_lists_those_at_other_nodes_and_they_hear_of_the_newcomer() {
    let mut nodes = Nodes::new(2);
    let alice = nodes.with_node(0, |node| {
        let alice = node.connect_as(named("alice", "Alice"));
        node.subscribe(alice, "room");
        node.take(alice);
        alice
    });
    let (bob, snapshot) = nodes.with_node(1, |node| {
        let bob = node.connect("bob");
        node.subscribe(bob, "room");
        (bob, node.take(bob))
    });
    let with_metadata = json!([{"peerId": "alice", "metadata": {"name": "Alice"}}]);
    assert_eq!(snapshot[0]["joined"], with_metadata);
    assert_eq!(nodes.at(0).take(alice), [joined("room", &["bob"])]);
    nodes.with_node(0, |node| node.disconnect(alice));
    let gone = nodes.at(1).take(bob);
    assert_eq!((gone.len(), &gone[0]["left"]), (1, &with_metadata));
}

#[test]
fn a_node_that_comes_later_is_told_everything_and_tells_what_it_has() {
    let mut nodes = Nodes::new(2);
    let alice = nodes.with_node(0, |node| node.join("alice", "room"));
    nodes.with_node(1, |node| node.join("bob", "room"));
    nodes.at(0).take(alice);
    let mut world = World::new();
    let carol = world.join("carol", "room");
    nodes.add(world);
    assert_eq!(nodes.at(2).take(carol), [joined("room", &["alice"]), joined("room", &["bob"])]);
    assert_eq!(nodes.at(0).take(alice), [joined("room", &["carol"])]);
    for node in 0..3 {
        assert_eq!(nodes.peers(node, "room"), ["alice", "bob", "carol"]);
    }
}

#[test]
fn a_state_of_many_parts_is_taken_over_whole() {
    let mut world = World::new();
    for number in 0..2000 {
        let conn = world.connect_as(named(&format!("peer {number}"), &"x".repeat(100)));
        world.subscribe(conn, &format!("room {number}"));
    }
    let mut nodes = Nodes::of(vec![world, World::new()]);
    let usage = nodes.at(1).hub.usage_of_all();
    assert_eq!((usage.connections, usage.peers, usage.channels), (2000, 2000, 2000));
    assert!((0..2000).all(|number| nodes.peers(1, &format!("room {number}")) == [format!("peer {number}")]));
}

#[test]
fn a_peer_at_two_nodes_is_present_once_and_leaves_with_the_last_of_its_connections() {
    let mut nodes = Nodes::new(3);
    let watcher = nodes.with_node(2, |node| node.join("watcher", "room"));
    let first = nodes.with_node(0, |node| node.join("alice", "room"));
    assert_eq!(nodes.at(2).take(watcher), [joined("room", &["alice"])]);
    let second = nodes.with_node(1, |node| node.join("alice", "room"));
    nodes.with_node(0, |node| node.disconnect(first));
    assert_eq!(nodes.at(2).take(watcher), Vec::<Value>::new());
    nodes.with_node(1, |node| node.disconnect(second));
    assert_eq!(nodes.at(2).take(watcher), [left("room", &["alice"])]);
}

#[test]
fn nobody_is_told_of_their_own_connection_at_another_node() {
    let mut nodes = Nodes::new(2);
    let here = nodes.with_node(0, |node| node.join("alice", "room"));
    let (there, snapshot) = nodes.with_node(1, |node| {
        let there = node.connect("alice");
        node.subscribe(there, "room");
        (there, node.take(there))
    });
    assert_eq!(snapshot, [joined("room", &[])]);
    assert_eq!(nodes.at(0).take(here), Vec::<Value>::new());
    nodes.with_node(0, |node| node.disconnect(here));
    assert_eq!(nodes.at(1).take(there), Vec::<Value>::new());
}

#[test]
fn a_direct_message_reaches_every_connection_of_its_peer_wherever_it_is() {
    let mut nodes = Nodes::new(3);
    let bobs = [0, 1].map(|node| nodes.with_node(node, |world| world.connect("bob")));
    nodes.take_sent(0, 2);
    let alice = nodes.with_node(0, |node| {
        let alice = node.connect_as(named("alice", "Alice"));
        node.say(alice, send("bob"));
        alice
    });
    let direct = json!({"type": "direct", "from": "alice", "fromMetadata": {"name": "Alice"}, "data": 1});
    for (node, bob) in bobs.into_iter().enumerate() {
        assert_eq!(nodes.at(node).take(bob), std::slice::from_ref(&direct));
    }
    assert_eq!(nodes.at(0).take(alice), [json!({"type": "ack", "requestId": "s"})]);
    assert_eq!(nodes.take_sent(0, 2), 1, "nothing but that alice has come");
    nodes.with_node(0, |node| node.disconnect(bobs[0]));
    nodes.with_node(1, |node| node.disconnect(bobs[1]));
    let answer = nodes.with_node(0, |node| node.ask(alice, send("bob")));
    assert_eq!(answer["code"], "peer_not_found");
}

#[test]
fn a_kick_closes_a_peers_connections_at_every_node_and_counts_them() {
    let mut nodes = Nodes::new(3);
    let [first, second] = [0, 1].map(|node| nodes.with_node(node, |world| world.join("alice", "room")));
    let bob = nodes.with_node(2, |node| node.join("bob", "room"));
    let reached = nodes.with_node(0, |node| node.hub.kick(node.now, &PeerId::parse("alice").unwrap()));
    let Reached { here: 1, elsewhere: Elsewhere::Asked(ask) } = reached else { panic!("{reached:?}") };
    assert_eq!(nodes.take_answers(), [(ask, 1, true)]);
    for (node, conn) in [(0, first), (1, second)] {
        assert_eq!(nodes.at(node).close_of(conn), Some((4020, "disconnected by an administrator")));
    }
    assert_eq!(nodes.at(2).take(bob), [left("room", &["alice"])]);
}

#[test]
fn whoever_publishes_for_a_backend_learns_how_many_were_reached_at_all_nodes() {
    let mut nodes = Nodes::new(3);
    for node in 0..3 {
        nodes.with_node(node, |world| world.join("alice", "room"));
    }
    let publish = |node: &mut World| {
        let channel = metered_protocol::Channel::parse("room").unwrap();
        node.hub.publish(
            node.now,
            channel,
            PeerId::parse("system").unwrap(),
            None,
            RawJson::from_value(&json!(1)),
        )
    };
    let Reached { here: 1, elsewhere: Elsewhere::Asked(ask) } = nodes.with_node(0, publish) else { panic!() };
    assert_eq!(nodes.take_answers(), [(ask, 2, true)]);

    nodes.cut(2);
    let Reached { elsewhere: Elsewhere::Asked(ask), .. } = nodes.with_node(0, publish) else { panic!() };
    assert_eq!(nodes.take_answers(), []);
    nodes.wait(1000);
    assert_eq!(nodes.take_answers(), [(ask, 1, false)], "who does not answer is not waited for any longer");
}

#[test]
fn usage_counts_all_nodes_and_each_peer_and_channel_once() {
    let mut nodes = Nodes::new(2);
    let alice = nodes.with_node(0, |node| node.join("alice", "room"));
    nodes.with_node(1, |node| node.join("alice", "room"));
    nodes.with_node(1, |node| node.join("bob", "hall"));
    nodes.with_node(0, |node| node.say(alice, publish(1)));
    nodes.wait(2000);
    for node in 0..2 {
        let usage = nodes.at(node).hub.usage_of_all();
        assert_eq!((usage.connections, usage.peers, usage.channels, usage.messages), (3, 2, 2, 1));
    }
    assert_eq!(nodes.at(0).hub.usage().channels, 1, "of its own, each node counts what is there");
}

#[test]
fn no_message_overtakes_the_news_of_its_sender() {
    let mut nodes = Nodes::of(vec![World::ticking(Limits::default()), World::ticking(Limits::default())]);
    let bob = nodes.with_node(1, |node| node.join("bob", "room"));
    for name in ["alice", "carol"] {
        nodes.with_node(0, |node| {
            let conn = node.connect(name);
            node.subscribe(conn, "room");
            node.say(conn, publish(name));
            node.say(conn, send("bob"));
        });
    }
    let kinds: Vec<_> = nodes.at(1).take(bob).iter().map(|frame| frame["type"].clone()).collect();
    assert_eq!(kinds, ["presence", "message", "direct", "presence", "message", "direct"]);
}

#[test]
fn a_client_that_comes_back_to_another_node_keeps_its_place_and_nobody_sees_it_leave() {
    let mut nodes = Nodes::new(3);
    let watcher = nodes.with_node(2, |node| node.join("watcher", "room"));
    let (alice, _) = nodes.with_node(0, |node| node.arrive(newcomer(identity("alice"), 1)));
    nodes.with_node(0, |node| node.subscribe(alice, "room"));
    nodes.with_node(0, |node| node.lose(alice));
    nodes.at(2).take(watcher);

    nodes.wait(14_000);
    let (again, welcome) = nodes.with_node(1, |node| node.arrive(returning(identity("alice"), 1, Some(1))));
    assert_eq!((&welcome["resumed"], &welcome["peerId"]), (&json!(false), &json!("alice")));
    nodes.with_node(1, |node| node.subscribe(again, "room"));
    assert_eq!(nodes.at(1).take(again), [joined("room", &["watcher"])]);
    nodes.wait(20_000);
    assert_eq!(nodes.at(0).hub.detached_count(), 0, "the old node has nothing left of it");
    assert_eq!(nodes.at(2).take(watcher), Vec::<Value>::new());

    nodes.with_node(1, |node| node.disconnect(again));
    assert_eq!(nodes.at(2).take(watcher), [left("room", &["alice"])]);
}

#[test]
fn a_socket_whose_client_has_gone_to_another_node_is_closed_and_a_goodbye_there_ends_all() {
    let mut nodes = Nodes::new(2);
    let watcher = nodes.with_node(1, |node| node.join("watcher", "room"));
    let (alice, _) = nodes.with_node(0, |node| node.arrive(newcomer(identity("alice"), 1)));
    nodes.with_node(0, |node| node.subscribe(alice, "room"));
    nodes.at(1).take(watcher);
    let (again, _) = nodes.with_node(1, |node| node.arrive(returning(identity("alice"), 1, None)));
    assert_eq!(nodes.at(0).close_of(alice), Some((1000, "the session has another socket")));
    assert_eq!(nodes.at(1).take(watcher), Vec::<Value>::new());
    nodes.with_node(1, |node| node.disconnect(again));
    assert_eq!(
        nodes.at(1).take(watcher),
        [left("room", &["alice"])],
        "nothing waits for it at the other node"
    );
}

#[test]
fn a_session_of_somebody_else_is_not_taken_over() {
    let mut nodes = Nodes::new(2);
    let (alice, _) = nodes.with_node(0, |node| node.arrive(newcomer(identity("alice"), 1)));
    nodes.with_node(0, |node| node.connect("mallory"));
    nodes.with_node(1, |node| node.arrive(returning(identity("mallory"), 1, None)));
    assert_eq!(nodes.at(0).close_of(alice), None);
}

#[test]
fn a_payload_that_is_too_long_for_the_network_is_refused_wherever_its_recipients_are() {
    let limits = Limits { message_bytes: 0, ..Limits::default() };
    let mut nodes = Nodes::with(2, limits);
    let alice = nodes.with_node(0, |node| node.join("alice", "room"));
    let bob = nodes.with_node(1, |node| node.join("bob", "room"));
    nodes.at(0).take(alice);
    let data = "x".repeat(MAX_PAYLOAD - 100);
    let request = json!({"type": "publish", "channel": "room", "data": data, "requestId": "p"});
    let answer = nodes.with_node(0, |node| node.ask(alice, request));
    assert_eq!((&answer["code"], &answer["requestId"]), (&json!("backend_error"), &json!("p")));
    nodes.with_node(0, |node| node.say(alice, publish("short")));
    assert_eq!(nodes.at(1).take(bob).last().unwrap()["data"], "short", "the way is open as before");
}

#[test]
fn a_hub_on_its_own_says_nothing_to_other_nodes() {
    let mut world = World::new();
    let alice = world.join("alice", "room");
    world.say(alice, publish(1));
    assert_eq!((world.hub.poll_cluster_output(), world.hub.cluster_health()), (None, None));
    assert_eq!(world.hub.poll_timeout(), None);
}
