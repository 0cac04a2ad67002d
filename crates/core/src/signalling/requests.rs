//! The table of requests that wait for their `ack` or `error`.

use std::collections::BTreeMap;

use super::Origin;
use crate::Instant;
use crate::limits::ACK_TIMEOUT_MS;

pub(super) type Id = metered_protocol::RequestId;

/// Requests by number. Numbers rise and all wait equally long, so the lowest number expires first.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    waiting: BTreeMap<u64, (Origin, Instant)>,
}

impl Requests {
    /// The id that the next [`Requests::insert`] will wait for.
    pub(super) fn next_id(&self) -> Id {
        Id::numbered(self.last + 1)
    }

    pub(super) fn insert(&mut self, origin: Origin, now: Instant) {
        self.last += 1;
        self.waiting.insert(self.last, (origin, now.after(ACK_TIMEOUT_MS)));
    }

    /// Takes the request that an answer names. A request is answered once; what we did not ask finds nothing.
    pub(super) fn take(&mut self, id: &str) -> Option<Origin> {
        self.waiting.remove(&id.parse().ok()?).map(|(origin, _)| origin)
    }

    pub(super) fn take_all(&mut self) -> Vec<Origin> {
        std::mem::take(&mut self.waiting).into_values().map(|(origin, _)| origin).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().next().map(|(_, deadline)| *deadline)
    }

    /// Takes a request whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(String, Origin)> {
        let entry = self.waiting.first_entry()?;
        if entry.get().1 > now {
            return None;
        }
        let (number, (origin, _)) = entry.remove_entry();
        Some((number.to_string(), origin))
    }
}
