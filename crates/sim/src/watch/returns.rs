//! Who comes back after the others have seen them leave keeps no connection: the other ends are closed.

use std::collections::BTreeSet;

use metered_core::{ConnectionId, Instant, RoomState};
use serde_json::Value as Json;

use super::Remotes;
use crate::kernel::{Kernel, Who};

const RULE: &str = "who was seen to leave keeps no connection";

/// The latest return to the room.
#[derive(Debug, Default)]
pub struct Returns {
    own: String,
    /// When the server was lost.
    lost: Instant,
    /// The roster that follows a return without the session has not come.
    awaits_roster: bool,
    was_seen_to_leave: bool,
    /// What was there when it became clear that the others have closed their ends.
    stale: BTreeSet<ConnectionId>,
    joined: Option<Instant>,
}

impl Returns {
    /// The connection to the server is lost.
    pub fn lost(&mut self, now: Instant) {
        self.lost = now;
    }

    /// A connection to the server begins.
    pub fn welcomed(&mut self, now: Instant, welcome: &Json, remotes: &Remotes) {
        let own = welcome["peerId"].as_str().unwrap_or_default();
        let before = std::mem::replace(&mut self.own, own.to_owned());
        let is_known = before == own;
        if welcome["resumed"] == true {
            return;
        }
        let grace = welcome["resume"]["graceMs"].as_u64().unwrap_or_default();
        let was_seen_before = self.awaits_roster && self.was_seen_to_leave;
        self.was_seen_to_leave = was_seen_before || !is_known || now.since(self.lost) >= grace;
        self.awaits_roster = true;
        if self.was_seen_to_leave {
            self.stale = remotes.iter().map(|(_, remote)| remote.connection).collect();
        }
    }

    /// The room's state has changed.
    pub fn changed(&mut self, kernel: &mut Kernel, who: Who, to: RoomState, remotes: &Remotes) {
        self.joined = (to == RoomState::Joined).then_some(kernel.now);
        if to == RoomState::Joined {
            self.awaits_roster = false;
            let stale = std::mem::take(&mut self.stale);
            for (_, remote) in remotes.iter().filter(|(_, remote)| stale.contains(&remote.connection)) {
                kernel.violated(RULE, format!("{who} keeps that to {}", remote.peer_id));
            }
        }
    }

    /// Since when it is in the room, without a gap.
    pub fn joined(&self) -> Option<Instant> {
        self.joined
    }
}
