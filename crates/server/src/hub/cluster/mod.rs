//! Several hubs as one: what this one tells the others, and what it knows of them.
//!
//! A **node** is a running server with this app. Each is the authority on its own connections: it tells every other node
//! which peers are connected to it and who of them is in which channel, so that each knows what all have. A peer is present
//! as long as one node has it. A message goes to those nodes only which have somebody for it.
//!
//! What one node tells another is a **link**, one for each direction. It begins when the other asks for it ([`Body::Want`])
//! and consists of all that the node has and then of everything that happens, in its order and numbered: so no message
//! overtakes the news of its sender's join. The network between nodes may lose messages. Whoever finds a number missing
//! asks anew, with a number of its own for that link's life ([`Header::sync`]), and whatever belongs to an earlier life is
//! not listened to any more. Thus a link is right, or is known to be wrong and on its way to be right.
//!
//! A node that is alive says so every [`BEAT_MS`]. One that was not heard for [`LEASE_MS`] is gone, and whoever was only
//! there has left. While the hub is cut off from the network, all others fall silent: local traffic goes on, and what the
//! others have is asked for as soon as it is connected again. A node that ends says nothing: its lease gives its clients
//! the time to come to another, and nobody sees those leave who do.

mod message;
mod remote;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use metered_protocol::{Channel, PeerId};

use super::{Hub, UnixMillis};
pub use message::{Ask, InvalidMessage, NodeId};
pub(super) use message::{Body, Member, Peer};
use message::{Encoded, Header, NodeUsage};

/// How often a node says that it is alive, in milliseconds.
const BEAT_MS: u64 = 1000;

/// How long a node counts as alive after it was heard, in milliseconds.
const LEASE_MS: u64 = 6000;

/// How long an answer is waited for, in milliseconds.
const ANSWER_MS: u64 = 1000;

/// How long a node waits before it asks another for its state again after a loss, in milliseconds.
const ASK_AGAIN_MS: u64 = 1000;

/// A link that has brought nothing for so long, in milliseconds, is begun anew, and whoever did not look at the time for so
/// long was asleep.
const UNFED_MS: u64 = 4000;

/// How many other nodes one listens to.
const MAX_NODES: usize = 128;

/// How many peers, and how many peers in channels, are remembered of one node.
const MAX_OF_A_NODE: usize = 1_000_000;

/// What the hub wants done for the sake of other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterOutput {
    /// Send these bytes. What goes to one node arrives there in this order, or not at all.
    Publish {
        /// To which node; `None` for all of them.
        to: Option<NodeId>,
        /// What [`Hub::handle_cluster_message`] takes there.
        payload: Vec<u8>,
    },
    /// Other nodes have answered, or had enough time for it.
    Answered {
        /// What they were asked.
        ask: Ask,
        /// The sum of their answers.
        count: usize,
        /// Whether all of them have answered.
        is_complete: bool,
    },
}

/// What is known of the nodes around this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterHealth {
    /// Other nodes that are alive.
    pub nodes: usize,
    /// Messages of other nodes that were lost on their way, and those of ours that were too long.
    pub lost: u64,
}

/// The nodes around this one.
#[derive(Debug)]
pub(super) struct Cluster {
    node: NodeId,
    is_connected: bool,
    /// The longest message that the network takes, in bytes.
    max_payload: usize,
    nodes: BTreeMap<NodeId, Node>,
    /// Which other nodes have a peer. No entry is empty.
    peers: BTreeMap<PeerId, BTreeSet<NodeId>>,
    /// Asked for somebody's state so often.
    last_sync: u64,
    asks: BTreeMap<Ask, Question>,
    last_ask: u64,
    next_tick: UnixMillis,
    ticked_at: UnixMillis,
    lost: u64,
    /// The most connections there were at one time at all nodes.
    peak_connections: usize,
    outputs: VecDeque<ClusterOutput>,
}

/// Another node.
#[derive(Debug)]
struct Node {
    heard_at: UnixMillis,
    usage: NodeUsage,
    incoming: Incoming,
    /// What it is told, once it has asked.
    outgoing: Option<Outgoing>,
    peers: BTreeSet<PeerId>,
    members: BTreeSet<(Channel, PeerId)>,
}

/// The link from a node.
#[derive(Debug)]
struct Incoming {
    /// What is listened to. `None` after a loss.
    sync: Option<u64>,
    /// The last message that came.
    number: u64,
    /// When the state was asked for.
    wanted_at: UnixMillis,
    /// When something came of what was asked for.
    fed_at: UnixMillis,
    /// What has come of its state so far, while it is coming.
    fresh: Option<Fresh>,
}

/// The state of a node, as far as it has been told.
#[derive(Debug, Default)]
struct Fresh {
    peers: BTreeSet<PeerId>,
    members: BTreeSet<(Channel, PeerId)>,
}

/// The link to a node.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    sync: u64,
    number: u64,
}

/// What other nodes were asked.
#[derive(Debug)]
struct Question {
    waiting: BTreeSet<NodeId>,
    count: usize,
    /// Whether everybody was asked.
    is_complete: bool,
    until: UnixMillis,
}

impl Cluster {
    fn new(now: UnixMillis, node: NodeId) -> Self {
        Self {
            node,
            is_connected: false,
            max_payload: usize::MAX,
            nodes: BTreeMap::new(),
            peers: BTreeMap::new(),
            last_sync: 0,
            asks: BTreeMap::new(),
            last_ask: 0,
            next_tick: now,
            ticked_at: now,
            lost: 0,
            peak_connections: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Tells every node something.
    pub(super) fn tell_all(&mut self, body: &Body) {
        let nodes: Vec<_> = self.nodes.keys().copied().collect();
        self.tell(&nodes, body);
    }

    /// Tells the nodes that have a peer something.
    pub(super) fn tell_those_with(&mut self, peer: &PeerId, body: &Body) {
        let nodes: Vec<_> = self.nodes_with(peer).collect();
        self.tell(&nodes, body);
    }

    /// Tells some nodes something, those of them that listen. Answers which they are.
    pub(super) fn tell(&mut self, nodes: &[NodeId], body: &Body) -> BTreeSet<NodeId> {
        let mut told = BTreeSet::new();
        if nodes.is_empty() {
            return told;
        }
        let encoded = Encoded::new(body);
        if encoded.len() > self.max_payload {
            self.lost = self.lost.saturating_add(1);
            return told;
        }
        for to in nodes {
            let Some(outgoing) = self.nodes.get_mut(to).and_then(|node| node.outgoing.as_mut()) else {
                continue;
            };
            // What cannot be sent counts all the same: that it is missing shows later.
            outgoing.number += 1;
            if self.is_connected {
                let header = Header { sender: self.node, sync: outgoing.sync, number: outgoing.number };
                let payload = encoded.clone().with(header);
                self.outputs.push_back(ClusterOutput::Publish { to: Some(*to), payload });
                told.insert(*to);
            }
        }
        told
    }

    /// Says something that belongs to no link.
    fn say(&mut self, to: Option<NodeId>, sync: u64, body: &Body) {
        if self.is_connected {
            let payload = Encoded::new(body).with(Header { sender: self.node, sync, number: 0 });
            self.outputs.push_back(ClusterOutput::Publish { to, payload });
        }
    }

    /// Asks a node for its state.
    fn want(&mut self, now: UnixMillis, from: NodeId) {
        let Some(node) = self.nodes.get_mut(&from) else { return };
        self.last_sync += 1;
        node.incoming = Incoming::wanted(now, self.last_sync);
        self.say(Some(from), self.last_sync, &Body::Want);
    }

    /// Whether a message is to be carried out: it is the next of its link.
    fn hear(&mut self, now: UnixMillis, header: Header, body: &Body) -> Result<bool, InvalidMessage> {
        let sender = header.sender;
        if sender == self.node {
            return Ok(false);
        }
        if !self.nodes.contains_key(&sender) {
            if self.nodes.len() >= MAX_NODES {
                return Err(InvalidMessage::TooManyNodes);
            }
            self.nodes.insert(sender, Node::new(now));
            self.want(now, sender);
        }
        let Some(node) = self.nodes.get_mut(&sender) else { return Ok(false) };
        node.heard_at = now;
        match body {
            Body::Hello => return Ok(false),
            // One that comes twice is answered once.
            Body::Want => return Ok(node.outgoing.is_none_or(|outgoing| outgoing.sync != header.sync)),
            _ => {}
        }
        let incoming = &mut node.incoming;
        if incoming.sync != Some(header.sync) {
            return Ok(false);
        }
        if header.number == incoming.number.saturating_add(1) {
            incoming.number = header.number;
            incoming.fed_at = now;
            return Ok(true);
        }
        self.lost = self.lost.saturating_add(header.number.saturating_sub(incoming.number));
        incoming.sync = None;
        incoming.fresh = None;
        if now.0.abs_diff(incoming.wanted_at.0) >= ASK_AGAIN_MS {
            self.want(now, sender);
        }
        Ok(false)
    }

    /// The other nodes that have a peer.
    pub(super) fn nodes_with(&self, peer: &PeerId) -> impl Iterator<Item = NodeId> {
        self.peers.get(peer).into_iter().flatten().copied()
    }

    /// Whether nodes can be told something.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether a payload of so many bytes can be sent to other nodes.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes.saturating_add(Hub::CLUSTER_ENVELOPE_BYTES) <= self.max_payload
    }

    /// Gives a question its name.
    pub(super) fn next_ask(&mut self) -> Ask {
        self.last_ask += 1;
        Ask(self.last_ask)
    }

    /// Waits for the answers of those who were asked.
    pub(super) fn wait_for(
        &mut self,
        now: UnixMillis,
        ask: Ask,
        waiting: BTreeSet<NodeId>,
        is_complete: bool,
    ) {
        let until = UnixMillis(now.0.saturating_add(ANSWER_MS));
        self.asks.insert(ask, Question { waiting, count: 0, is_complete, until });
        self.settle(now);
    }

    fn answered(&mut self, now: UnixMillis, from: NodeId, ask: Ask, count: usize) {
        if let Some(question) = self.asks.get_mut(&ask)
            && question.waiting.remove(&from)
        {
            question.count = question.count.saturating_add(count);
            self.settle(now);
        }
    }

    /// Ends the questions that are answered or have waited long enough.
    fn settle(&mut self, now: UnixMillis) {
        let outputs = &mut self.outputs;
        self.asks.retain(|ask, question| {
            // A clock that has stepped back must not keep anybody waiting.
            let is_late = question.until <= now || question.until.0 > now.0.saturating_add(ANSWER_MS);
            let is_over = is_late || question.waiting.is_empty();
            if is_over {
                let is_complete = question.is_complete && question.waiting.is_empty();
                outputs.push_back(ClusterOutput::Answered { ask: *ask, count: question.count, is_complete });
            }
            !is_over
        });
    }

    fn poll_timeout(&self) -> UnixMillis {
        let answers = self.asks.values().map(|question| question.until).min();
        answers.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    /// What all nodes count, with what this one does.
    fn total(&self, own: NodeUsage) -> NodeUsage {
        self.nodes.values().fold(own, |sum, node| NodeUsage {
            connections: sum.connections.saturating_add(node.usage.connections),
            messages: sum.messages.saturating_add(node.usage.messages),
            resumed_sessions: sum.resumed_sessions.saturating_add(node.usage.resumed_sessions),
        })
    }

    /// Says that this node is alive, and asks anew where a link brings nothing. Answers who has fallen silent.
    fn tick(&mut self, now: UnixMillis, usage: NodeUsage) -> Vec<NodeId> {
        // Whoever was asleep itself, or had its clock set, has not listened: nobody's silence says anything.
        let has_slept = now.0.abs_diff(self.ticked_at.0) >= UNFED_MS;
        self.ticked_at = now;
        self.next_tick = UnixMillis(now.0.saturating_add(BEAT_MS));
        self.peak_connections = self.peak_connections.max(self.total(usage).connections);
        let (mut silent, mut unfed) = (Vec::new(), Vec::new());
        for (name, node) in &mut self.nodes {
            if has_slept {
                node.heard_at = now;
            }
            let since = |at: UnixMillis| now.0.abs_diff(at.0);
            if since(node.heard_at) >= LEASE_MS {
                silent.push(*name);
            } else if node.incoming.sync.is_none() || since(node.incoming.fed_at) >= UNFED_MS {
                unfed.push(*name);
            }
        }
        for node in unfed {
            self.want(now, node);
        }
        self.say(None, 0, &Body::Hello);
        self.tell_all(&Body::Beat(usage));
        silent
    }
}

impl Node {
    fn new(now: UnixMillis) -> Self {
        Self {
            heard_at: now,
            usage: NodeUsage::default(),
            incoming: Incoming::wanted(now, 0),
            outgoing: None,
            peers: BTreeSet::new(),
            members: BTreeSet::new(),
        }
    }
}

impl Incoming {
    fn wanted(now: UnixMillis, sync: u64) -> Self {
        Self { sync: Some(sync), number: 0, wanted_at: now, fed_at: now, fresh: None }
    }
}

impl Hub {
    /// What a message between hubs takes beside a client's payload, in bytes: the header, names, and metadata.
    pub const CLUSTER_ENVELOPE_BYTES: usize = 16 * 1024;

    /// From now on the hub is one of several. Until [`Hub::cluster_connected`] it is cut off from them.
    pub fn join_cluster(&mut self, now: UnixMillis, node: NodeId) {
        self.cluster = Some(Box::new(Cluster::new(now, node)));
    }

    /// The network that connects the nodes can be reached, and takes messages of so many bytes.
    pub fn cluster_connected(&mut self, now: UnixMillis, max_payload: usize) {
        self.now = now;
        let Some(cluster) = &mut self.cluster else { return };
        (cluster.is_connected, cluster.max_payload) = (true, max_payload);
        let nodes: Vec<_> = cluster.nodes.keys().copied().collect();
        for node in nodes {
            cluster.want(now, node);
        }
        cluster.next_tick = now;
        self.tick_cluster(now);
    }

    /// The network that connects the nodes cannot be reached any more.
    pub fn cluster_disconnected(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.is_connected = false;
        }
    }

    /// The next thing to do for the sake of other nodes. Like [`Hub::poll_output`], it is asked after every call.
    pub fn poll_cluster_output(&mut self) -> Option<ClusterOutput> {
        self.cluster.as_mut()?.outputs.pop_front()
    }

    /// What is known of the nodes around this one, if the hub is one of several.
    pub fn cluster_health(&self) -> Option<ClusterHealth> {
        let cluster = self.cluster.as_ref()?;
        Some(ClusterHealth { nodes: cluster.nodes.len(), lost: cluster.lost })
    }

    /// When the cluster wants to be called.
    pub(super) fn next_tick(&self) -> Option<UnixMillis> {
        self.cluster.as_ref().map(|cluster| cluster.poll_timeout())
    }

    /// Does what is due for the sake of other nodes.
    pub(super) fn tick_cluster(&mut self, now: UnixMillis) {
        let usage = self.node_usage();
        let Some(cluster) = &mut self.cluster else { return };
        cluster.settle(now);
        // A clock that has stepped back must not silence a node.
        if cluster.next_tick > now && cluster.next_tick.0 <= now.0.saturating_add(BEAT_MS) {
            return;
        }
        for silent in cluster.tick(now, usage) {
            self.forget_node(silent);
        }
    }

    /// Tells every other node something, if there may be any.
    pub(super) fn tell_nodes(&mut self, body: impl FnOnce() -> Body) {
        if let Some(cluster) = &mut self.cluster {
            cluster.tell_all(&body());
        }
    }

    fn node_usage(&self) -> NodeUsage {
        NodeUsage {
            connections: self.connection_count(),
            messages: self.messages,
            resumed_sessions: self.resumed_sessions,
        }
    }
}
