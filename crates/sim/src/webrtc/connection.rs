//! A fake `RTCPeerConnection`: its chain of operations and its negotiation-needed flag (W3C WebRTC, 4.4.1.2 and
//! 4.7.3), around the signalling state.

use std::collections::VecDeque;

use metered_core::{ConnectionId, ConnectionState, Instant, Operation, OperationId};

use super::signaling::{Signaling, State};
use super::{ChannelId, PcId};
use crate::kernel::Who;

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The client.
    pub who: Who,
    /// What its core calls the connection.
    pub connection: ConnectionId,
}

/// A connection.
#[derive(Debug)]
pub struct PeerConnection {
    /// Whose it is.
    pub owner: Owner,
    /// Its descriptions.
    pub signaling: Signaling,
    /// When the application has last asked for something that may have to be negotiated.
    pub asked: Instant,
    /// `close()` was called, by the driver or behind its back, or the stack has died.
    pub closed: bool,
    /// The driver has closed it, and listens no more.
    pub released: bool,
    /// Operations, the first of them under way.
    pub chain: VecDeque<(OperationId, Operation)>,
    /// `[[NegotiationNeeded]]`
    pub negotiation_needed: bool,
    /// `[[UpdateNegotiationNeededFlagOnEmptyChain]]`
    pub update_when_empty: bool,
    /// The generation that candidates were or are gathered for, and the last of them.
    pub gathered: Option<(String, String)>,
    /// It will never gather anything, whatever is done to it.
    pub never_gathers: bool,
    /// `connectionState`.
    pub transport: ConnectionState,
    /// The channels that were created here, each with the other end where it is open.
    pub channels: Vec<(ChannelId, Option<PcId>)>,
    /// The connection at the other end, once connected.
    pub partner: Option<PcId>,
    /// Whom the DTLS association is with, for ever: a description of somebody else cannot change it.
    pub associated: Option<PcId>,
    /// The generation that ICE has found no path for any more, or gave up on.
    pub exhausted: Option<String>,
    /// Changes that were foreseen in an earlier epoch do not come.
    pub epoch: u32,
}

impl PeerConnection {
    /// A new connection.
    pub fn new(owner: Owner, signaling: Signaling, now: Instant) -> Self {
        Self {
            owner,
            signaling,
            asked: now,
            closed: false,
            released: false,
            chain: VecDeque::new(),
            negotiation_needed: false,
            update_when_empty: false,
            gathered: None,
            never_gathers: false,
            transport: ConnectionState::New,
            channels: Vec::new(),
            partner: None,
            associated: None,
            exhausted: None,
            epoch: 0,
        }
    }

    /// Whether this connection and another agree on each other: each has applied what the other describes
    /// itself as now, and a pair of candidates can be made.
    pub fn agrees_with(&self, other: &Self, strict_candidates: bool) -> bool {
        let paired = if strict_candidates {
            self.knows_the_last_candidate_of(other) && other.knows_the_last_candidate_of(self)
        } else {
            self.knows_a_candidate_of(other) || other.knows_a_candidate_of(self)
        };
        let exhausted = self.is_exhausted() || other.is_exhausted();
        !self.closed
            && !other.closed
            && self.points_at(other)
            && other.points_at(self)
            && paired
            && !exhausted
    }

    /// Whether only an ICE restart can connect it again.
    pub fn is_exhausted(&self) -> bool {
        let generation = self.signaling.local.current.as_ref().and_then(|local| local.ufrag.as_ref());
        generation.is_some() && generation == self.exhausted.as_ref()
    }

    /// Whether nothing is left to negotiate between this connection and another.
    pub fn is_settled_with(&self, other: &Self) -> bool {
        [self, other]
            .iter()
            .all(|pc| pc.signaling.state() == State::Stable && !pc.signaling.is_negotiation_needed())
            && self.points_at(other)
            && other.points_at(self)
    }

    fn points_at(&self, other: &Self) -> bool {
        let (Some(theirs), Some(known)) = (&other.signaling.local.current, &self.signaling.remote.current)
        else {
            return false;
        };
        !known.sections.is_empty()
            && known.sections == theirs.sections
            && known.fingerprint == theirs.fingerprint
            && known.ufrag == theirs.ufrag
    }

    fn knows_a_candidate_of(&self, other: &Self) -> bool {
        let Some((generation, _)) = &other.gathered else { return false };
        self.signaling.remote_candidates.iter().any(|(ufrag, _)| ufrag == generation)
    }

    fn knows_the_last_candidate_of(&self, other: &Self) -> bool {
        other.gathered.as_ref().is_some_and(|last| self.signaling.remote_candidates.contains(last))
    }
}
