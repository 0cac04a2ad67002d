//! Who is in a channel, as an application knows it that starts with the snapshot and follows the changes.

use std::collections::{BTreeMap, BTreeSet};

use metered_protocol::{Channel, PeerId, PresencePeer};
use serde_json::Value as Json;

/// The reference: of each channel a set of names, for as long as it can be followed.
#[derive(Debug, Default)]
pub struct Presence {
    channels: BTreeMap<Channel, BTreeSet<PeerId>>,
    /// Channels that were given up in this session. Their changes have stopped at some time.
    given_up: BTreeSet<Channel>,
}

impl Presence {
    /// A connection begins.
    pub fn welcomed(&mut self, resumed: bool) {
        if !resumed {
            *self = Self::default();
        }
    }

    /// The application no longer wants a channel.
    pub fn gave_up(&mut self, channel: &Channel) {
        self.given_up.insert(channel.clone());
    }

    /// A channel's snapshot, or a change.
    pub fn changed(&mut self, channel: &Channel, joined: &[PresencePeer<Json>], left: &[PresencePeer<Json>]) {
        let peers = self.channels.entry(channel.clone()).or_default();
        peers.extend(joined.iter().map(|peer| peer.peer_id.clone()));
        for peer in left {
            peers.remove(&peer.peer_id);
        }
    }

    /// Who is in a channel, if that can be known.
    pub fn of(&self, channel: &Channel) -> Option<BTreeSet<PeerId>> {
        let is_known = !self.given_up.contains(channel);
        is_known.then(|| self.channels.get(channel).cloned().unwrap_or_default())
    }
}
