//! Several hubs when nodes die and the network between them fails.

use std::collections::{BTreeMap, BTreeSet};

use metered_protocol::PeerId;
use metered_server::Limits;
use metered_server::hub::{ConnId, Elsewhere, InvalidMessage, NodeId};
use serde_json::{Value, json};

use crate::nodes::{MAX_PAYLOAD, Nodes};
use crate::resume::{newcomer, returning};
use crate::world::{World, identity, joined, left};

/// The longest that a dead node's members may be seen.
const GONE_MS: u64 = 10_000;

fn publish(data: impl Into<Value>) -> Value {
    json!({"type": "publish", "channel": "room", "data": data.into()})
}

/// Alice at node 0 and Bob at node 1, with nothing left to read.
fn two() -> (Nodes, ConnId, ConnId) {
    let mut nodes = Nodes::new(2);
    let alice = nodes.with_node(0, |node| node.join("alice", "room"));
    let bob = nodes.with_node(1, |node| node.join("bob", "room"));
    nodes.at(0).take(alice);
    (nodes, alice, bob)
}

#[test]
fn a_node_that_falls_silent_is_gone_from_every_roster_in_time_and_back_when_it_is_heard_again() {
    let (mut nodes, alice, bob) = two();
    nodes.cut(1);
    nodes.wait(GONE_MS);
    assert_eq!(nodes.at(0).take(alice), [left("room", &["bob"])]);
    assert_eq!(nodes.at(1).take(bob), [left("room", &["alice"])], "both sides see the same");
    let answer = nodes.with_node(0, |node| node.ask(alice, json!({"type": "send", "to": "bob", "data": 1})));
    assert_eq!(answer["code"], "peer_not_found");
    nodes.mend(1);
    nodes.wait(4000);
    assert_eq!(nodes.at(0).take(alice), [joined("room", &["bob"])]);
    assert_eq!(nodes.at(1).take(bob), [joined("room", &["alice"])]);
}

#[test]
fn a_client_of_a_dead_node_that_comes_to_another_in_time_is_not_seen_to_leave() {
    let mut nodes = Nodes::new(3);
    let watcher = nodes.with_node(2, |node| node.join("watcher", "room"));
    let (alice, _) = nodes.with_node(0, |node| node.arrive(newcomer(identity("alice"), 1)));
    nodes.with_node(0, |node| node.subscribe(alice, "room"));
    nodes.with_node(0, |node| node.join("bob", "room"));
    nodes.at(2).take(watcher);
    nodes.cut(0);
    nodes.wait(1000);
    let (again, _) = nodes.with_node(1, |node| node.arrive(returning(identity("alice"), 1, Some(1))));
    nodes.with_node(1, |node| node.subscribe(again, "room"));
    nodes.wait(GONE_MS);
    assert_eq!(nodes.at(2).take(watcher), [left("room", &["bob"])]);
    assert_eq!(nodes.peers(2, "room"), ["alice", "watcher"]);
}

#[test]
fn a_node_that_is_shut_down_leaves_its_clients_the_time_to_come_to_another() {
    let mut nodes = Nodes::new(2);
    let watcher = nodes.with_node(1, |node| node.join("watcher", "room"));
    nodes.with_node(0, |node| node.join("alice", "room"));
    nodes.with_node(0, |node| node.join("bob", "room"));
    nodes.at(1).take(watcher);
    nodes.with_node(0, |node| node.hub.shutdown(1000, 0));
    nodes.wait(1000);
    nodes.with_node(1, |node| node.join("alice", "room"));
    assert_eq!(nodes.at(1).take(watcher), Vec::<Value>::new());
    nodes.wait(GONE_MS);
    assert_eq!(nodes.at(1).take(watcher), [left("room", &["bob"])]);
}

#[test]
fn a_loss_is_noticed_and_the_roster_is_right_again() {
    let (mut nodes, _, bob) = two();
    nodes.wait(1000);
    // That she has come, and that she has joined.
    nodes.lose_next(0, 1);
    nodes.lose_next(0, 1);
    let carol = nodes.with_node(0, |node| node.join("carol", "room"));
    assert_eq!(nodes.at(1).take(bob), Vec::<Value>::new());
    nodes.with_node(0, |node| node.say(carol, publish("of somebody unknown")));
    assert_eq!(
        nodes.at(1).take(bob),
        [joined("room", &["carol"])],
        "the roster first, and no message of a stranger"
    );
    nodes.with_node(0, |node| node.say(carol, publish("now")));
    assert_eq!(nodes.at(1).take(bob)[0]["data"], "now");
    assert!(nodes.at(1).hub.cluster_health().unwrap().lost > 0);

    nodes.wait(2000);
    // That she has left, and that she is gone.
    nodes.lose_next(0, 1);
    nodes.lose_next(0, 1);
    nodes.with_node(0, |node| node.disconnect(carol));
    assert_eq!(nodes.at(1).take(bob), Vec::<Value>::new());
    nodes.wait(3000);
    assert_eq!(
        nodes.at(1).take(bob),
        [left("room", &["carol"])],
        "the next sign of life shows what is missing"
    );
}

#[test]
fn a_question_for_the_state_that_is_lost_is_asked_again() {
    let mut nodes = Nodes::new(1);
    nodes.with_node(0, |node| node.join("alice", "room"));
    nodes.lose_next(1, 0);
    nodes.add(World::new());
    nodes.wait(6000);
    assert_eq!(nodes.peers(1, "room"), ["alice"]);
}

#[test]
fn a_hub_that_is_cut_off_serves_its_own_says_what_it_cannot_do_and_heals() {
    let (mut nodes, alice, bob) = two();
    let carol = nodes.with_node(0, |node| node.join("carol", "room"));
    nodes.at(0).take(alice);
    nodes.at(1).take(bob);
    for node in 0..2 {
        nodes.at(node).hub.cluster_disconnected();
    }
    nodes.with_node(0, |node| node.say(alice, publish("local")));
    assert_eq!(nodes.at(0).take(carol)[0]["data"], "local");
    let to_bob = json!({"type": "send", "to": "bob", "data": 1});
    let answer = nodes.with_node(0, |node| node.ask(alice, to_bob));
    assert_eq!(answer["code"], "backend_error", "not acknowledged, since it cannot arrive");
    let reached = nodes.with_node(0, |node| node.hub.kick(node.now, &PeerId::parse("x").unwrap()));
    assert_eq!(reached.elsewhere, Elsewhere::Unreachable);

    nodes.with_node(1, |node| node.disconnect(bob));
    let dave = nodes.with_node(1, |node| node.join("dave", "room"));
    nodes.wait(GONE_MS);
    assert_eq!(nodes.at(0).take(alice), [left("room", &["bob"])]);
    for node in 0..2 {
        let now = nodes.at(node).now;
        nodes.with_node(node, |node| node.hub.cluster_connected(now, MAX_PAYLOAD));
    }
    nodes.wait(2000);
    assert_eq!(nodes.at(0).take(alice), [joined("room", &["dave"])]);
    let names = nodes.at(1).take(dave);
    assert_eq!(names.last().unwrap(), &joined("room", &["carol"]));
}

#[test]
fn of_a_short_cut_nobody_sees_more_than_what_happened_meanwhile() {
    let (mut nodes, alice, bob) = two();
    nodes.at(0).hub.cluster_disconnected();
    nodes.cut(0);
    nodes.with_node(0, |node| node.join("carol", "room"));
    nodes.wait(3000);
    nodes.mend(0);
    nodes.with_node(0, |node| node.hub.cluster_connected(node.now, MAX_PAYLOAD));
    nodes.wait(3000);
    let seen = [joined("room", &["carol"])];
    assert_eq!(nodes.at(0).take(alice), seen);
    assert_eq!(nodes.at(1).take(bob), seen);
}

#[test]
fn whoever_was_asleep_does_not_take_the_others_for_dead() {
    let (mut nodes, alice, _) = two();
    nodes.with_node(0, |node| node.wait(60_000));
    assert_eq!(nodes.at(0).take(alice), Vec::<Value>::new());
    // A clock that steps back silences nobody either.
    nodes.at(0).now.0 -= 50_000;
    nodes.wait(8000);
    assert_eq!(nodes.at(0).take(alice), Vec::<Value>::new());
    nodes.cut(1);
    nodes.wait(GONE_MS);
    assert_eq!(nodes.at(0).take(alice), [left("room", &["bob"])]);
}

#[test]
fn what_is_no_message_is_refused_and_changes_nothing() {
    let (mut nodes, alice, _) = two();
    let now = nodes.at(0).now;
    let mut handle = |bytes: &[u8]| nodes.at(0).hub.handle_cluster_message(now, bytes);
    assert_eq!(handle(b""), Err(InvalidMessage::TooShort));
    let stranger = |body: &[u8]| [&[7; 32][..], body].concat();
    assert_eq!(handle(&stranger(b"")), Err(InvalidMessage::Body));
    assert_eq!(handle(&stranger(br#"{"joined":{"channel":"room","peer":""}}"#)), Err(InvalidMessage::Body));
    assert_eq!(
        handle(&stranger(br#"{"joined":{"channel":"room","peer":"ghost"}}"#)),
        Ok(()),
        "nobody asked it"
    );
    nodes.settle();
    assert_eq!(nodes.peers(0, "room"), ["alice", "bob"]);
    assert_eq!(nodes.at(0).take(alice), Vec::<Value>::new());
}

#[test]
fn only_so_many_nodes_are_listened_to_and_those_that_say_nothing_more_make_room() {
    let mut world = World::new();
    world.hub.join_cluster(world.now, NodeId(0));
    let hello = |node: u128| [&node.to_be_bytes()[..], &[0; 16], br#""hello""#].concat();
    let heard =
        (1..1000).filter(|node| world.hub.handle_cluster_message(world.now, &hello(*node)).is_ok()).count();
    assert_eq!(heard, 128);
    for _ in 0..100 {
        world.wait(100);
    }
    assert_eq!(world.hub.cluster_health().unwrap().nodes, 0);
    assert_eq!(world.hub.handle_cluster_message(world.now, &hello(2000)), Ok(()));
}

/// A small generator: the same seed makes the same world.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// A client's own roster, made of nothing but the frames that it got.
#[derive(Default)]
struct Watcher {
    roster: BTreeSet<String>,
    last: BTreeMap<String, u64>,
}

impl Watcher {
    fn hear(&mut self, frames: &[Value]) {
        for frame in frames {
            if frame["type"] == "message" {
                let from = frame["from"].as_str().unwrap();
                assert!(self.roster.contains(from), "a message of {from}, who is not there");
                let number = frame["data"].as_u64().unwrap();
                let last = self.last.insert(from.to_owned(), number);
                assert!(last.is_none_or(|last| last < number), "{from} said {number} after {last:?}");
                continue;
            }
            let names = |field: &str| -> Vec<String> {
                let peers = frame[field].as_array().unwrap().iter();
                peers.map(|peer| peer["peerId"].as_str().unwrap().to_owned()).collect()
            };
            for peer in names("left") {
                assert!(self.roster.remove(&peer), "{peer} leaves who was not there");
            }
            for peer in names("joined") {
                assert!(self.roster.insert(peer.clone()), "{peer} joins who was there");
            }
        }
    }
}

#[test]
fn whatever_is_lost_and_whoever_dies_rosters_are_right_once_it_is_quiet() {
    for seed in 0..100 {
        let mut chance = Chance(seed);
        let limits = Limits { resume_grace_ms: 0, ..Limits::default() };
        let mut nodes = Nodes::of((0..3).map(|_| World::ticking(limits)).collect());
        let watchers: Vec<_> = (0..3)
            .map(|node| nodes.with_node(node, |world| world.join(&format!("watcher {node}"), "room")))
            .collect();
        let mut seen: Vec<_> = (0..3).map(|_| Watcher::default()).collect();
        // What they took when they joined.
        for (node, watcher) in seen.iter_mut().enumerate() {
            watcher.roster.extend((0..node).map(|earlier| format!("watcher {earlier}")));
        }
        let mut clients: Vec<(usize, String, ConnId)> = Vec::new();
        let mut said = 0;
        for _ in 0..300 {
            let (node, other) = (chance.below(3), chance.below(3));
            match chance.below(14) {
                0..4 => {
                    let peer = format!("peer {}", chance.below(6));
                    let conn = nodes.with_node(node, |world| world.join(&peer, "room"));
                    clients.push((node, peer, conn));
                }
                4..6 if !clients.is_empty() => {
                    let (node, _, conn) = clients.swap_remove(chance.below(clients.len()));
                    nodes.with_node(node, |world| world.disconnect(conn));
                }
                6..10 if !clients.is_empty() => {
                    let (node, _, conn) = clients[chance.below(clients.len())];
                    said += 1;
                    nodes.with_node(node, |world| world.say(conn, publish(said)));
                }
                10 => nodes.lose_next(node, other),
                11 => nodes.cut(node),
                12 => nodes.mend(node),
                _ => nodes.wait(500 * chance.below(20) as u64),
            }
            for (node, watcher) in seen.iter_mut().enumerate() {
                watcher.hear(&nodes.at(node).take(watchers[node]));
            }
        }
        nodes.mend_all();
        nodes.wait(20_000);
        let mut expected: BTreeSet<String> = (0..3).map(|node| format!("watcher {node}")).collect();
        expected.extend(clients.into_iter().map(|(_, peer, _)| peer));
        for (node, watcher) in seen.iter_mut().enumerate() {
            watcher.hear(&nodes.at(node).take(watchers[node]));
            assert_eq!(
                nodes.peers(node, "room"),
                expected.iter().cloned().collect::<Vec<_>>(),
                "seed {seed}"
            );
            watcher.roster.insert(format!("watcher {node}"));
            assert_eq!(watcher.roster, expected, "seed {seed}");
        }
    }
}
