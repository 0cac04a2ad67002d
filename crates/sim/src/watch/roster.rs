//! The roster is what the server's presence says: a snapshot, then changes.
//!
//! After a server has come back with our identity and without our session, those who were there before may stay for as
//! long as a session is kept: they may be on their way back.

use std::collections::BTreeSet;

use metered_core::{Core, Instant, RoomState};
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
    /// Who may still be on the way back, and until when.
    lingering: BTreeSet<String>,
    until: Instant,
}

impl Roster {
    /// A connection begins.
    pub fn welcomed(&mut self, now: Instant, lateness: u64, welcome: &Json) {
        let own = name(&welcome["peerId"]);
        let kept = own == self.own && welcome["resume"].is_object();
        self.own = own;
        if welcome["resumed"] == true {
            // Whether they are back is told now.
            self.until = self.until.max(now.after(10_500 + lateness));
            return;
        }
        self.fresh = true;
        if kept {
            self.lingering.extend(self.peers.iter().cloned());
            // Half a second is more than a timer loses to rounding.
            let grace = welcome["resume"]["graceMs"].as_u64().unwrap_or_default();
            self.until = now.after(grace + lateness + 500);
        } else {
            self.lingering.clear();
        }
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
            self.lingering.remove(&name);
        }
    }

    /// Whether somebody is in the room; `None` if that is open.
    pub fn contains(&self, peer: &Json) -> Option<bool> {
        let name = peer.as_str()?;
        let is_present = self.peers.contains(name);
        (is_present || !self.lingering.contains(name)).then_some(is_present)
    }

    /// The room is over.
    pub fn forget(&mut self) {
        self.peers.clear();
        self.lingering.clear();
    }

    /// Compares it with the core's.
    pub fn compare(&self, kernel: &mut Kernel, who: Who, core: &Core<Json>) {
        let ours: BTreeSet<String> = core.remotes().map(|(_, peer)| peer.as_str().to_owned()).collect();
        let mut others = ours.difference(&self.peers);
        let may_linger = kernel.now < self.until || core.room_state() != RoomState::Joined;
        if !self.peers.is_subset(&ours)
            || others.any(|name| !(self.fresh || may_linger && self.lingering.contains(name)))
        {
            kernel.violated(RULE, format!("{who} has {ours:?}, presence said {:?}", self.peers));
        }
    }
}

fn name(id: &Json) -> String {
    id.as_str().unwrap_or_default().to_owned()
}
