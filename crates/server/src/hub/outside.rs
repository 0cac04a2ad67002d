//! What is asked of the hub by somebody who has no connection: a backend, by way of the REST API.
//!
//! Whether it may is the driver's business; here is only what it does.

use metered_protocol::{Channel, CloseCode, PeerId, PresencePeer, RawJson};

use super::request::Publication;
use super::{Hub, UnixMillis};

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
    /// went; one that waits to be resumed counts.
    pub fn publish(
        &mut self,
        channel: Channel,
        from: PeerId,
        from_metadata: Option<RawJson>,
        data: RawJson,
    ) -> usize {
        self.broadcast(None, &Publication { channel, from, from_metadata, data })
    }

    /// Closes every connection of a peer with 4020, and ends what is left of its sessions. Answers how many sockets
    /// that closes: none is no mistake.
    pub fn kick(&mut self, now: UnixMillis, peer: &PeerId) -> usize {
        let conns: Vec<_> = self.peers.get(peer).into_iter().flatten().copied().collect();
        let before = self.connection_count();
        for conn in conns {
            self.close(now, conn, CloseCode::ADMIN_DISCONNECT, "disconnected by an administrator");
        }
        before - self.connection_count()
    }

    /// What there is and was.
    pub fn usage(&self) -> Usage {
        Usage {
            connections: self.connection_count(),
            peak_connections: self.peak_connections,
            peers: self.peers.len(),
            channels: self.rooms.len(),
            messages: self.messages,
            resumed_sessions: self.resumed_sessions,
        }
    }
}
