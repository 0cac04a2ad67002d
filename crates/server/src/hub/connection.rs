//! What the hub keeps for one connection.

use std::collections::BTreeSet;

use metered_protocol::Channel;

use super::UnixMillis;
use super::rate::TokenBucket;
use crate::{Identity, Limits};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) identity: Identity,
    /// What it is subscribed to.
    pub(super) channels: BTreeSet<Channel>,
    /// When it is closed because its credential ends.
    pub(super) expiry: Option<UnixMillis>,
    rate: Option<TokenBucket>,
}

impl Connection {
    pub(super) fn new(
        now: UnixMillis,
        identity: Identity,
        expiry: Option<UnixMillis>,
        limits: &Limits,
    ) -> Self {
        let rate = TokenBucket::for_messages(limits, now);
        Self { identity, channels: BTreeSet::new(), expiry, rate }
    }

    /// Counts a frame. False if it is one too many.
    pub(super) fn count_frame(&mut self, now: UnixMillis) -> bool {
        self.rate.as_mut().is_none_or(|rate| rate.take(now))
    }
}
