//! One channel: its subscribers and the peers they make up.

use std::collections::BTreeMap;

use metered_protocol::{PeerId, PresencePeer, RawJson};

use super::ConnId;

/// A channel that somebody is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Room {
    subscribers: BTreeMap<ConnId, Subscriber>,
    peers: BTreeMap<PeerId, Present>,
}

/// A subscribed connection.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) peer_id: PeerId,
    /// It asked for the senders' metadata.
    pub(super) wants_metadata: bool,
    /// It may see who is here.
    pub(super) sees_presence: bool,
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
        subscriber: Subscriber,
        metadata: Option<&RawJson>,
    ) -> Option<PresencePeer<RawJson>> {
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

    /// A subscribed connection.
    pub(super) fn subscriber_mut(&mut self, conn: ConnId) -> Option<&mut Subscriber> {
        self.subscribers.get_mut(&conn)
    }

    /// Every subscriber but one, in the order of their connections.
    pub(super) fn others(&self, conn: ConnId) -> impl Iterator<Item = (ConnId, &Subscriber)> {
        self.subscribers.iter().filter(move |(other, _)| **other != conn).map(|(conn, s)| (*conn, s))
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
