//! What is asked of the hub by somebody who has no connection: a backend, by way of the REST API.
//!
//! Whether it may is the driver's business; here is only what it does.

use std::collections::BTreeSet;

use metered_protocol::{Channel, CloseCode, PeerId, PresencePeer, RawJson};

use super::cluster::Body;
use super::request::Publication;
use super::{Ask, Hub, NodeId, UnixMillis};

/// How many connections something has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Of this hub.
    pub here: usize,
    /// Of other hubs.
    pub elsewhere: Elsewhere,
}

/// What is known of other hubs when something has just been sent to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// There is none that it concerns.
    Nobody,
    /// They are asked: [`ClusterOutput::Answered`](super::ClusterOutput::Answered) tells.
    Asked(Ask),
    /// They cannot be reached.
    Unreachable,
}

/// What a hub has seen since it began, and what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Connections, at present.
    pub connections: usize,
    /// The most connections there were at one time.
    pub peak_connections: usize,
    /// Peers that are connected or may yet come back.
    pub peers: usize,
    /// Channels that somebody is subscribed to.
    pub channels: usize,
    /// Messages that were published or sent, to however many.
    pub messages: u64,
    /// Sessions that were given another socket.
    pub resumed_sessions: u64,
}

impl Hub {
    /// Who is in a channel, in the order of their ids.
    pub fn channel_peers(&self, channel: &Channel) -> Vec<PresencePeer<RawJson>> {
        self.rooms.get(channel).map(|room| room.peers(None)).unwrap_or_default()
    }

    /// Publishes to a channel in the name of a peer, who need not be connected. Answers to how many connections it
    /// goes; one that waits to be resumed counts.
    pub fn publish(
        &mut self,
        now: UnixMillis,
        channel: Channel,
        from: PeerId,
        from_metadata: Option<RawJson>,
        data: RawJson,
    ) -> Reached {
        self.now = now;
        let publication = Publication { channel, from, from_metadata, data };
        self.messages += 1;
        let concerned = self.nodes_in(&publication.channel).len();
        let ask = self.cluster.as_mut().filter(|_| concerned > 0).map(|cluster| cluster.next_ask());
        let told = self.broadcast_elsewhere(&publication, ask);
        let here = self.broadcast_here(None, &publication);
        Reached { here, elsewhere: self.wait_for(ask.map(|ask| (ask, told)), concerned) }
    }

    /// Closes every connection of a peer with 4020, and ends what is left of its sessions. Answers how many sockets
    /// that closes: none is no mistake.
    pub fn kick(&mut self, now: UnixMillis, peer: &PeerId) -> Reached {
        self.now = now;
        // All of them are asked: one may have it that has not been able to tell.
        let others: Vec<_> = self.other_nodes().into_iter().collect();
        let asked = self.cluster.as_mut().map(|cluster| {
            let ask = cluster.next_ask();
            (ask, cluster.tell(&others, &Body::Kick { peer: peer.clone(), ask }))
        });
        let here = self.kick_here(now, peer);
        Reached { here, elsewhere: self.wait_for(asked, others.len()) }
    }

    /// Waits for the answers of the nodes that were told something, of so many that it concerns.
    fn wait_for(&mut self, asked: Option<(Ask, BTreeSet<NodeId>)>, concerned: usize) -> Elsewhere {
        let (Some(cluster), Some((ask, told))) = (&mut self.cluster, asked) else { return Elsewhere::Nobody };
        if !cluster.is_connected() {
            return Elsewhere::Unreachable;
        }
        if concerned == 0 {
            return Elsewhere::Nobody;
        }
        let is_complete = told.len() == concerned;
        cluster.wait_for(self.now, ask, told, is_complete);
        Elsewhere::Asked(ask)
    }

    /// Closes every connection of a peer that is here.
    pub(super) fn kick_here(&mut self, now: UnixMillis, peer: &PeerId) -> usize {
        let conns: Vec<_> = self.peers.get(peer).into_iter().flatten().copied().collect();
        let before = self.connection_count();
        for conn in conns {
            self.close(now, conn, CloseCode::ADMIN_DISCONNECT, "disconnected by an administrator");
        }
        before - self.connection_count()
    }

    /// What there is and was at this hub.
    pub fn usage(&self) -> Usage {
        Usage {
            connections: self.connection_count(),
            peak_connections: self.peak_connections,
            peers: self.peers.len(),
            channels: self.rooms.values().filter(|room| room.has_subscribers()).count(),
            messages: self.messages,
            resumed_sessions: self.resumed_sessions,
        }
    }
}
