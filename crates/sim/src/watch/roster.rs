//! The roster is what the server's presence says: a snapshot, then changes.

use std::collections::BTreeSet;

use metered_core::Core;
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};

const RULE: &str = "the roster is the server's";

/// The reference: a set of names.
#[derive(Debug, Default)]
pub struct Roster {
    own: String,
    /// The next presence is a snapshot.
    fresh: bool,
    peers: BTreeSet<String>,
}

impl Roster {
    /// A connection begins.
    pub fn welcomed(&mut self, welcome: &Json) {
        self.own = name(&welcome["peerId"]);
        self.fresh = true;
    }

    /// The channel's presence.
    pub fn presence(&mut self, presence: &Json) {
        if std::mem::take(&mut self.fresh) {
            self.peers.clear();
        }
        let names = |list: &Json| -> Vec<String> {
            list.as_array().into_iter().flatten().map(|peer| name(&peer["peerId"])).collect()
        };
        self.peers.extend(names(&presence["joined"]).into_iter().filter(|name| *name != self.own));
        for name in names(&presence["left"]) {
            self.peers.remove(&name);
        }
    }

    /// Whether somebody is in the room.
    pub fn contains(&self, peer: &Json) -> bool {
        peer.as_str().is_some_and(|name| self.peers.contains(name))
    }

    /// The room is over.
    pub fn forget(&mut self) {
        self.peers.clear();
    }

    /// Compares it with the core's.
    pub fn compare(&self, kernel: &mut Kernel, who: Who, core: &Core<Json>) {
        if !core.remotes().map(|(_, peer)| peer.as_str()).eq(self.peers.iter().map(String::as_str)) {
            let ours: Vec<_> = core.remotes().map(|(_, peer)| peer.as_str()).collect();
            kernel.violated(RULE, format!("{who} has {ours:?}, presence said {:?}", self.peers));
        }
    }
}

fn name(id: &Json) -> String {
    id.as_str().unwrap_or_default().to_owned()
}
