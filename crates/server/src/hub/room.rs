//! One channel: its subscribers and the peers they make up.

use std::collections::{BTreeMap, BTreeSet};

use metered_protocol::{PeerId, PresencePeer, RawJson};

use super::presence::Change;
use super::{ConnId, NodeId, UnixMillis};

/// A channel that somebody is subscribed to, here or at another node.
#[derive(Debug, Default)]
pub(super) struct Room {
    subscribers: BTreeMap<ConnId, Subscriber>,
    peers: BTreeMap<PeerId, Present>,
    /// How many of the peers are at which other node. No entry is 0.
    nodes: BTreeMap<NodeId, usize>,
    /// Changes that are told together, each peer's once.
    untold: Vec<Change>,
    /// When they are told.
    due: Option<UnixMillis>,
    /// When changes were told last.
    told_at: Option<UnixMillis>,
}

/// A subscribed connection.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) peer_id: PeerId,
    /// It asked for the senders' metadata.
    pub(super) wants_metadata: bool,
    /// It may see who is here.
    pub(super) sees_presence: bool,
    /// How many of the changes that are not told yet it knows from a snapshot.
    pub(super) heard: usize,
}

/// A peer with at least one subscribed connection.
#[derive(Debug)]
struct Present {
    /// The connections here.
    connections: usize,
    /// The other nodes with connections.
    nodes: BTreeSet<NodeId>,
    /// Of the connection that brought the peer here, for as long as the peer stays: everyone is shown the same.
    metadata: Option<RawJson>,
}

/// What a connection has changed by coming or going.
#[derive(Debug)]
pub(super) struct Passage {
    /// Whether it was the peer's first connection here, or its last.
    pub(super) counts_here: bool,
    /// The peer, if it is new in the channel or was there for the last time.
    pub(super) peer: Option<PresencePeer<RawJson>>,
}

impl Room {
    /// Adds a connection, or replaces its subscription.
    pub(super) fn subscribe(
        &mut self,
        conn: ConnId,
        mut subscriber: Subscriber,
        metadata: Option<&RawJson>,
    ) -> Passage {
        subscriber.heard = self.untold.len();
        let peer_id = subscriber.peer_id.clone();
        if self.subscribers.insert(conn, subscriber).is_some() {
            return Passage { counts_here: false, peer: None };
        }
        if let Some(present) = self.peers.get_mut(&peer_id) {
            present.connections += 1;
            return Passage { counts_here: present.connections == 1, peer: None };
        }
        let metadata = metadata.cloned();
        let present = Present { connections: 1, nodes: BTreeSet::new(), metadata: metadata.clone() };
        self.peers.insert(peer_id.clone(), present);
        Passage { counts_here: true, peer: Some(PresencePeer { peer_id, metadata }) }
    }

    /// Removes a connection, and answers whose it was.
    pub(super) fn unsubscribe(&mut self, conn: ConnId) -> Option<(PeerId, Passage)> {
        let peer_id = self.subscribers.remove(&conn)?.peer_id;
        let present = self.peers.get_mut(&peer_id)?;
        present.connections = present.connections.saturating_sub(1);
        let counts_here = present.connections == 0;
        let peer = self.remove_if_gone(&peer_id);
        Some((peer_id, Passage { counts_here, peer }))
    }

    /// A peer is here by way of another node. Answers it if that is news.
    pub(super) fn enter_at(
        &mut self,
        node: NodeId,
        peer_id: PeerId,
        metadata: Option<RawJson>,
    ) -> Option<PresencePeer<RawJson>> {
        let is_news = !self.peers.contains_key(&peer_id);
        let present = self.peers.entry(peer_id.clone()).or_insert_with(|| Present {
            connections: 0,
            nodes: BTreeSet::new(),
            metadata: metadata.clone(),
        });
        if present.nodes.insert(node) {
            *self.nodes.entry(node).or_default() += 1;
        }
        is_news.then_some(PresencePeer { peer_id, metadata })
    }

    /// A peer is not here any more by way of another node. Answers it if it is not here at all any more.
    pub(super) fn leave_at(&mut self, node: NodeId, peer_id: &PeerId) -> Option<PresencePeer<RawJson>> {
        if !self.peers.get_mut(peer_id)?.nodes.remove(&node) {
            return None;
        }
        if let Some(count) = self.nodes.get_mut(&node) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.nodes.remove(&node);
            }
        }
        self.remove_if_gone(peer_id)
    }

    fn remove_if_gone(&mut self, peer_id: &PeerId) -> Option<PresencePeer<RawJson>> {
        let present = self.peers.get(peer_id)?;
        if present.connections > 0 || !present.nodes.is_empty() {
            return None;
        }
        let metadata = self.peers.remove(peer_id)?.metadata;
        Some(PresencePeer { peer_id: peer_id.clone(), metadata })
    }

    /// The peers with connections here.
    pub(super) fn members_here(&self) -> impl Iterator<Item = (PeerId, Option<RawJson>)> {
        let here = self.peers.iter().filter(|(_, present)| present.connections > 0);
        here.map(|(peer_id, present)| (peer_id.clone(), present.metadata.clone()))
    }

    /// The other nodes that have somebody here.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// A subscribed connection goes on under another name.
    pub(super) fn rename(&mut self, old: ConnId, new: ConnId) {
        if let Some(subscriber) = self.subscribers.remove(&old) {
            self.subscribers.insert(new, subscriber);
        }
    }

    /// Lets a subscriber see who is here, or no longer. Answers who that is, if it may and is subscribed.
    pub(super) fn show(&mut self, conn: ConnId, may_see: bool) -> Option<Vec<PresencePeer<RawJson>>> {
        let subscriber = self.subscribers.get_mut(&conn)?;
        subscriber.sees_presence = may_see;
        subscriber.heard = self.untold.len();
        let own = subscriber.peer_id.clone();
        may_see.then(|| self.peers(Some(&own)))
    }

    /// Every subscriber, in the order of their connections.
    pub(super) fn subscribers(&self) -> impl Iterator<Item = (ConnId, &Subscriber)> {
        self.subscribers.iter().map(|(conn, subscriber)| (*conn, subscriber))
    }

    /// Every subscriber, in the order of their connections.
    pub(super) fn subscribers_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut Subscriber)> {
        self.subscribers.iter_mut().map(|(conn, subscriber)| (*conn, subscriber))
    }

    /// Notes a change that is to be told to all but the one who caused it. Answers when: now, unless something was
    /// told a moment ago.
    pub(super) fn change(
        &mut self,
        now: UnixMillis,
        conn: Option<ConnId>,
        change: Change,
        tick_ms: u64,
    ) -> UnixMillis {
        self.untold.push(change);
        if let Some(subscriber) = conn.and_then(|conn| self.subscribers.get_mut(&conn)) {
            subscriber.heard = self.untold.len();
        }
        let quiet_until = |at: UnixMillis| UnixMillis(at.0.saturating_add(tick_ms));
        // A clock that has stepped back must not silence a room.
        let busy = self.told_at.filter(|at| now.0.abs_diff(at.0) < tick_ms);
        *self.due.get_or_insert(busy.map_or(now, quiet_until))
    }

    /// Whether a change of this peer is not told yet.
    pub(super) fn has_untold(&self, peer: &PeerId) -> bool {
        self.untold.iter().any(|change| change.peer().peer_id == *peer)
    }

    /// When changes are to be told.
    pub(super) fn due(&self) -> Option<UnixMillis> {
        self.due
    }

    /// The changes that are told now.
    pub(super) fn take_untold(&mut self) -> Vec<Change> {
        self.due = None;
        std::mem::take(&mut self.untold)
    }

    /// Somebody has been told something.
    pub(super) fn told(&mut self, now: UnixMillis) {
        self.told_at = Some(now);
    }

    /// Every peer, or every peer but one, in the order of their ids.
    pub(super) fn peers(&self, except: Option<&PeerId>) -> Vec<PresencePeer<RawJson>> {
        self.peers
            .iter()
            .filter(|(peer_id, _)| Some(*peer_id) != except)
            .map(|(peer_id, present)| PresencePeer {
                peer_id: peer_id.clone(),
                metadata: present.metadata.clone(),
            })
            .collect()
    }

    /// Whether nobody is here, at no node.
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether somebody is subscribed at this node.
    pub(super) fn has_subscribers(&self) -> bool {
        !self.subscribers.is_empty()
    }
}
