//! One channel: its subscribers and the peers they make up.

use std::collections::BTreeMap;

use metered_protocol::{PeerId, PresencePeer, RawJson};

use super::presence::Change;
use super::{ConnId, UnixMillis};

/// A channel that somebody is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Room {
    subscribers: BTreeMap<ConnId, Subscriber>,
    peers: BTreeMap<PeerId, Present>,
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
    connections: usize,
    /// Of the connection that brought the peer here, for as long as the peer stays: everyone is shown the same.
    metadata: Option<RawJson>,
}

impl Room {
    /// Adds a connection, or replaces its subscription. Answers the peer if this brought it here.
    pub(super) fn subscribe(
        &mut self,
        conn: ConnId,
        mut subscriber: Subscriber,
        metadata: Option<&RawJson>,
    ) -> Option<PresencePeer<RawJson>> {
        subscriber.heard = self.untold.len();
        let peer_id = subscriber.peer_id.clone();
        if self.subscribers.insert(conn, subscriber).is_some() {
            return None;
        }
        if let Some(present) = self.peers.get_mut(&peer_id) {
            present.connections += 1;
            return None;
        }
        self.peers.insert(peer_id.clone(), Present { connections: 1, metadata: metadata.cloned() });
        Some(PresencePeer { peer_id, metadata: metadata.cloned() })
    }

    /// Removes a connection. Answers the peer if that was its last one here.
    pub(super) fn unsubscribe(&mut self, conn: ConnId) -> Option<PresencePeer<RawJson>> {
        let peer_id = self.subscribers.remove(&conn)?.peer_id;
        let present = self.peers.get_mut(&peer_id)?;
        present.connections = present.connections.saturating_sub(1);
        if present.connections > 0 {
            return None;
        }
        let metadata = self.peers.remove(&peer_id)?.metadata;
        Some(PresencePeer { peer_id, metadata })
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
        conn: ConnId,
        change: Change,
        tick_ms: u64,
    ) -> UnixMillis {
        self.untold.push(change);
        if let Some(subscriber) = self.subscribers.get_mut(&conn) {
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

    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }
}
