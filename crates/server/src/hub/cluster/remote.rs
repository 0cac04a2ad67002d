//! What another node's messages do here.

use std::collections::BTreeSet;

use metered_protocol::{Channel, PeerId};

use super::message::parse;
use super::{Ask, Body, Fresh, InvalidMessage, MAX_OF_A_NODE, Member, NodeId, NodeUsage, Outgoing, Peer};
use crate::hub::presence::Change;
use crate::hub::request::{Note, Publication};
use crate::hub::session::SessionId;
use crate::hub::{Hub, UnixMillis, Usage};

/// How long a part of a node's state is, about, in bytes.
const STATE_BYTES: usize = 32 * 1024;

impl Hub {
    /// A message has come from another node.
    ///
    /// # Errors
    ///
    /// What is no message changes nothing. What a node says out of order is no error: see the [module](super).
    pub fn handle_cluster_message(&mut self, now: UnixMillis, bytes: &[u8]) -> Result<(), InvalidMessage> {
        self.now = now;
        let Some(cluster) = &mut self.cluster else { return Ok(()) };
        let (header, body) = parse(bytes)?;
        if cluster.hear(now, header, &body)? {
            match body {
                Body::Want => self.tell_state(header.sender, header.sync),
                body => self.carry_out_for(now, header.sender, body),
            }
        }
        Ok(())
    }

    /// What all nodes have seen and have. Of nodes that are gone nothing is known any more.
    pub fn usage_of_all(&self) -> Usage {
        let usage = self.usage();
        let Some(cluster) = &self.cluster else { return usage };
        let NodeUsage { connections, messages, resumed_sessions } = cluster.total(self.node_usage());
        let elsewhere = cluster.peers.keys().filter(|peer| !self.peers.contains_key(*peer)).count();
        Usage {
            connections,
            peak_connections: usage.peak_connections.max(cluster.peak_connections).max(connections),
            peers: usage.peers + elsewhere,
            channels: self.rooms.len(),
            messages,
            resumed_sessions,
        }
    }

    fn carry_out_for(&mut self, now: UnixMillis, sender: NodeId, body: Body) {
        match body {
            // These were looked at before.
            Body::Hello | Body::Want => {}
            Body::Begin => {
                if let Some(node) = self.node_mut(sender) {
                    node.incoming.fresh = Some(Fresh::default());
                }
            }
            Body::State { peers, members } => self.take_state(sender, peers, members),
            Body::End => self.end_state(sender),
            Body::Beat(usage) => {
                if let Some(node) = self.node_mut(sender) {
                    node.usage = usage;
                }
            }
            Body::Came(Peer(peer)) => self.peer_came(sender, peer),
            Body::Gone(Peer(peer)) => self.peer_gone(sender, &peer),
            Body::Joined(member) => self.member_joined(sender, member),
            Body::Left { channel, peer } => self.member_left(sender, (channel, peer)),
            Body::Message { channel, from, metadata, data, ask } => {
                let publication = Publication { channel, from, from_metadata: metadata, data };
                let count = self.broadcast_here(None, &publication);
                self.answer(sender, ask, count);
            }
            Body::Direct { to, from, metadata, data } => {
                self.direct_here(Note { to, from, from_metadata: metadata, data });
            }
            Body::Kick { peer, ask } => {
                let count = self.kick_here(now, &peer);
                self.answer(sender, Some(ask), count);
            }
            Body::Answer { ask, count } => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.answered(now, sender, ask, count);
                }
            }
            Body::Claimed { session, peer } => self.supersede(now, SessionId(session), &peer),
            Body::Goodbye(Peer(peer)) => self.end_left_overs(&peer),
        }
    }

    fn answer(&mut self, to: NodeId, ask: Option<Ask>, count: usize) {
        if let (Some(cluster), Some(ask)) = (&mut self.cluster, ask) {
            cluster.tell(&[to], &Body::Answer { ask, count });
        }
    }

    /// Tells a node everything, as the beginning of a link.
    fn tell_state(&mut self, to: NodeId, sync: u64) {
        let usage = self.node_usage();
        let Some(cluster) = &mut self.cluster else { return };
        let Some(node) = cluster.nodes.get_mut(&to) else { return };
        node.outgoing = Some(Outgoing { sync, number: 0 });
        let mut tell = |body: &Body| {
            cluster.tell(&[to], body);
        };
        tell(&Body::Begin);
        let mut bytes = 0;
        let (mut peers, mut members) = (Vec::new(), Vec::new());
        for peer in self.peers.keys() {
            bytes += peer.as_str().len() + 3;
            peers.push(Peer(peer.clone()));
            if bytes >= STATE_BYTES {
                tell(&Body::State { peers: std::mem::take(&mut peers), members: Vec::new() });
                bytes = 0;
            }
        }
        for (channel, room) in &self.rooms {
            for (peer, metadata) in room.members_here() {
                let member = Member { channel: channel.clone(), peer, metadata };
                bytes += member.length();
                members.push(member);
                if bytes >= STATE_BYTES {
                    let (peers, members) = (std::mem::take(&mut peers), std::mem::take(&mut members));
                    tell(&Body::State { peers, members });
                    bytes = 0;
                }
            }
        }
        tell(&Body::State { peers, members });
        tell(&Body::End);
        tell(&Body::Beat(usage));
    }

    fn take_state(&mut self, sender: NodeId, peers: Vec<Peer>, members: Vec<Member>) {
        let Some(node) = self.node_mut(sender) else { return };
        let Some(fresh) = &mut node.incoming.fresh else { return };
        let left = |length: usize| MAX_OF_A_NODE.saturating_sub(length);
        fresh.peers.extend(peers.iter().take(left(fresh.peers.len())).map(|Peer(peer)| peer.clone()));
        let names = members.iter().map(|member| (member.channel.clone(), member.peer.clone()));
        fresh.members.extend(names.take(left(fresh.members.len())));
        for Peer(peer) in peers {
            self.peer_came(sender, peer);
        }
        for member in members {
            self.member_joined(sender, member);
        }
    }

    /// What was not told is no more.
    fn end_state(&mut self, sender: NodeId) {
        let Some(node) = self.node_mut(sender) else { return };
        let Some(fresh) = node.incoming.fresh.take() else { return };
        let gone: Vec<_> = node.members.difference(&fresh.members).cloned().collect();
        let gone_peers: Vec<_> = node.peers.difference(&fresh.peers).cloned().collect();
        for member in gone {
            self.member_left(sender, member);
        }
        for peer in gone_peers {
            self.peer_gone(sender, &peer);
        }
    }

    /// A node has fallen silent: whoever was only there has left.
    pub(super) fn forget_node(&mut self, name: NodeId) {
        let Some(node) = self.node_mut(name) else { return };
        let (members, peers) = (node.members.clone(), node.peers.clone());
        for member in members {
            self.member_left(name, member);
        }
        for peer in peers {
            self.peer_gone(name, &peer);
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.nodes.remove(&name);
        }
    }

    fn peer_came(&mut self, at: NodeId, peer: PeerId) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(node) = cluster.nodes.get_mut(&at) else { return };
        if node.peers.len() < MAX_OF_A_NODE && node.peers.insert(peer.clone()) {
            cluster.peers.entry(peer).or_default().insert(at);
        }
    }

    fn peer_gone(&mut self, at: NodeId, peer: &PeerId) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(node) = cluster.nodes.get_mut(&at) else { return };
        node.peers.remove(peer);
        if let Some(nodes) = cluster.peers.get_mut(peer) {
            nodes.remove(&at);
            if nodes.is_empty() {
                cluster.peers.remove(peer);
            }
        }
    }

    fn member_joined(&mut self, at: NodeId, member: Member) {
        let Some(node) = self.node_mut(at) else { return };
        let Member { channel, peer, metadata } = member;
        let name = (channel.clone(), peer.clone());
        if node.members.len() >= MAX_OF_A_NODE || !node.members.insert(name) {
            return;
        }
        let room = self.rooms.entry(channel.clone()).or_default();
        if let Some(peer) = room.enter_at(at, peer, metadata) {
            self.announce(None, &channel, Change::Joined(peer));
        }
    }

    fn member_left(&mut self, at: NodeId, member: (Channel, PeerId)) {
        let Some(node) = self.node_mut(at) else { return };
        if !node.members.remove(&member) {
            return;
        }
        let (channel, peer) = member;
        let Some(room) = self.rooms.get_mut(&channel) else { return };
        let left = room.leave_at(at, &peer);
        self.after_leaving(None, &channel, left);
    }

    fn node_mut(&mut self, name: NodeId) -> Option<&mut super::Node> {
        self.cluster.as_mut()?.nodes.get_mut(&name)
    }

    /// Every other node that has somebody in a channel.
    pub(in crate::hub) fn nodes_in(&self, channel: &Channel) -> Vec<NodeId> {
        // Without others, a message is not to cost a look at its room.
        let room = self.cluster.as_ref().and_then(|_| self.rooms.get(channel));
        room.map(|room| room.nodes().collect()).unwrap_or_default()
    }

    /// Every other node.
    pub(in crate::hub) fn other_nodes(&self) -> BTreeSet<NodeId> {
        self.cluster.iter().flat_map(|cluster| cluster.nodes.keys().copied()).collect()
    }
}
