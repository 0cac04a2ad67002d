//! Several hubs that are one, and a network between them that does as it is told.

use std::collections::BTreeSet;

use metered_protocol::Channel;
use metered_server::Limits;
use metered_server::hub::{Ask, ClusterOutput, NodeId};

use crate::world::World;

/// The longest message that the network takes.
pub(crate) const MAX_PAYLOAD: usize = 1024 * 1024;

pub(crate) struct Nodes {
    worlds: Vec<World>,
    /// Nobody hears them, and they hear nobody.
    cut: BTreeSet<usize>,
    /// Whose next messages to whom are lost.
    lost: Vec<(usize, usize)>,
    /// What has been sent since the last time somebody looked: from, to.
    sent: Vec<(usize, Option<usize>)>,
    answers: Vec<(Ask, usize, bool)>,
}

impl Nodes {
    pub(crate) fn new(count: usize) -> Self {
        Self::with(count, Limits::default())
    }

    /// Nodes that know each other, and tell presence at once.
    pub(crate) fn with(count: usize, limits: Limits) -> Self {
        Self::of((0..count).map(|_| World::with(limits)).collect())
    }

    /// Nodes that know each other.
    pub(crate) fn of(worlds: Vec<World>) -> Self {
        let (cut, lost) = (BTreeSet::new(), Vec::new());
        let mut nodes = Self { worlds: Vec::new(), cut, lost, sent: Vec::new(), answers: Vec::new() };
        for world in worlds {
            nodes.add(world);
        }
        nodes
    }

    /// A server is started. It gets the number that follows.
    pub(crate) fn add(&mut self, mut world: World) {
        let name = NodeId(self.worlds.len() as u128);
        if let Some(first) = self.worlds.first() {
            world.now = first.now;
        }
        world.hub.join_cluster(world.now, name);
        world.hub.cluster_connected(world.now, MAX_PAYLOAD);
        self.worlds.push(world);
        self.settle();
        self.sent.clear();
    }

    /// One of them. Whoever does something with it lets it settle.
    pub(crate) fn at(&mut self, node: usize) -> &mut World {
        &mut self.worlds[node]
    }

    /// Does something at a node and lets everybody hear of it.
    pub(crate) fn with_node<T>(&mut self, node: usize, act: impl FnOnce(&mut World) -> T) -> T {
        let result = act(&mut self.worlds[node]);
        self.worlds[node].drain();
        self.settle();
        result
    }

    /// A node is not heard any more, and hears nothing: its process is gone, or its network.
    pub(crate) fn cut(&mut self, node: usize) {
        self.cut.insert(node);
    }

    pub(crate) fn mend(&mut self, node: usize) {
        self.cut.remove(&node);
    }

    /// The network is as good as can be.
    pub(crate) fn mend_all(&mut self) {
        self.cut.clear();
        self.lost.clear();
    }

    /// The next message from one node to another is lost.
    pub(crate) fn lose_next(&mut self, from: usize, to: usize) {
        self.lost.push((from, to));
    }

    /// Lets everything arrive that is on its way.
    pub(crate) fn settle(&mut self) {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for from in 0..self.worlds.len() {
                while let Some(output) = self.worlds[from].hub.poll_cluster_output() {
                    is_quiet = false;
                    match output {
                        ClusterOutput::Publish { to, payload } => {
                            let to = to.map(|NodeId(node)| usize::try_from(node).unwrap_or(usize::MAX));
                            self.sent.push((from, to));
                            self.carry(from, to, &payload);
                        }
                        ClusterOutput::Answered { ask, count, is_complete } => {
                            self.answers.push((ask, count, is_complete));
                        }
                    }
                }
            }
        }
    }

    fn carry(&mut self, from: usize, to: Option<usize>, payload: &[u8]) {
        if self.cut.contains(&from) {
            return;
        }
        for node in 0..self.worlds.len() {
            let is_addressed = to.is_none_or(|to| to == node) && !self.cut.contains(&node);
            if !is_addressed {
                continue;
            }
            if let Some(at) = self.lost.iter().position(|lost| to.is_some() && *lost == (from, node)) {
                self.lost.remove(at);
                continue;
            }
            let world = &mut self.worlds[node];
            world.hub.handle_cluster_message(world.now, payload).unwrap();
            world.drain();
        }
    }

    /// Lets time pass everywhere.
    pub(crate) fn wait(&mut self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min(100);
            left -= step;
            for world in &mut self.worlds {
                world.wait(step);
            }
            self.settle();
        }
    }

    /// How many messages went from one node to another since the last time somebody asked.
    pub(crate) fn take_sent(&mut self, from: usize, to: usize) -> usize {
        let before = self.sent.len();
        self.sent.retain(|sent| *sent != (from, Some(to)));
        before - self.sent.len()
    }

    /// The answers that have come.
    pub(crate) fn take_answers(&mut self) -> Vec<(Ask, usize, bool)> {
        std::mem::take(&mut self.answers)
    }

    /// Who is in a channel, as a node has it.
    pub(crate) fn peers(&mut self, node: usize, channel: &str) -> Vec<String> {
        let peers = self.worlds[node].hub.channel_peers(&Channel::parse(channel).unwrap());
        peers.iter().map(|peer| peer.peer_id.as_str().to_owned()).collect()
    }
}
