//! What the hub keeps for one connection.

use std::collections::BTreeSet;
use std::sync::Arc;

use metered_protocol::Channel;

use super::rate::TokenBucket;
use super::ring::Kept;
use super::session::Session;
use super::{ConnId, Output, UnixMillis};
use crate::{Identity, Limits};

/// A connection, or what is left of one whose session is kept.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) identity: Identity,
    /// What it is subscribed to.
    pub(super) channels: BTreeSet<Channel>,
    /// When it is closed because its credential ends.
    pub(super) expiry: Option<UnixMillis>,
    /// What can be resumed, if anything can.
    pub(super) session: Option<Session>,
    rate: Option<TokenBucket>,
}

impl Connection {
    pub(super) fn new(now: UnixMillis, identity: Identity, limits: &Limits) -> Self {
        let rate = TokenBucket::for_messages(limits, now);
        Self { identity, channels: BTreeSet::new(), expiry: None, session: None, rate }
    }

    /// Counts a frame. False if it is one too many.
    pub(super) fn count_frame(&mut self, now: UnixMillis) -> bool {
        self.rate.as_mut().is_none_or(|rate| rate.take(now))
    }

    /// Whether there is a socket.
    pub(super) fn is_attached(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.detached.is_none())
    }

    /// Sends a numbered frame, and keeps it for a session to come back to.
    pub(super) fn deliver(&mut self, conn: ConnId, kept: &Arc<Kept>, limits: &Limits) -> Option<Output> {
        if let Some(session) = &mut self.session {
            session.ring.push(kept, limits);
        }
        self.is_attached().then(|| Output::Send { conn, frame: kept.frame.clone() })
    }
}
