//! The signalling state of an `RTCPeerConnection`, by the letter of W3C WebRTC.
//!
//! Each method has two halves: [`Signaling::check`] is what the method rejects when its turn in the chain of
//! operations has come (4.4.1.5, 4.4.2), [`Signaling::apply`] is what it changes when it succeeds.

use std::collections::BTreeSet;
use std::fmt;

use metered_core::{Operation, Outcome};
use metered_protocol::{Candidate, Description, SdpType};

use super::sdp::Sdp;
use crate::plan::Stack;

/// `RTCSignalingState`, without those of provisional answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Stable,
    HaveLocalOffer,
    HaveRemoteOffer,
}

/// Why a method rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// `InvalidStateError`: never the network's fault.
    InvalidState(&'static str),
    /// `InvalidModificationError`: a description that the connection did not just create.
    InvalidModification,
    /// `OperationError`: the content does not fit.
    Operation(&'static str),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidState(why) => write!(f, "InvalidStateError: {why}"),
            Self::InvalidModification => f.write_str("InvalidModificationError: not the latest description"),
            Self::Operation(why) => write!(f, "OperationError: {why}"),
        }
    }
}

/// A side's descriptions.
#[derive(Clone, Debug, Default)]
pub struct Descriptions {
    /// What was agreed on.
    pub current: Option<Sdp>,
    /// What is offered.
    pub pending: Option<Sdp>,
}

/// The state.
#[derive(Debug)]
pub struct Signaling {
    stack: Stack,
    state: State,
    fingerprint: String,
    /// Our descriptions.
    pub local: Descriptions,
    /// Theirs.
    pub remote: Descriptions,
    last_offer: Option<String>,
    last_answer: Option<String>,
    /// The ICE generation, from the first description that names it. A rollback of the first offer ends it.
    ufrag: Option<String>,
    generations: u32,
    versions: u64,
    /// `createDataChannel` was called.
    pub has_channels: bool,
    /// Generations of the remote that a candidate was added for.
    pub remote_candidates: BTreeSet<String>,
}

impl Signaling {
    /// A new connection.
    pub fn new(stack: Stack, fingerprint: String) -> Self {
        Self {
            stack,
            state: State::Stable,
            fingerprint,
            local: Descriptions::default(),
            remote: Descriptions::default(),
            last_offer: None,
            last_answer: None,
            ufrag: None,
            generations: 0,
            versions: 0,
            has_channels: false,
            remote_candidates: BTreeSet::new(),
        }
    }

    /// `signalingState`.
    pub fn state(&self) -> State {
        self.state
    }

    /// Who we are.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The generation that candidates are gathered for.
    pub fn ufrag(&self) -> Option<&str> {
        self.ufrag.as_deref()
    }

    /// Whether an exchange of descriptions is needed (4.7.3).
    pub fn is_negotiation_needed(&self) -> bool {
        self.has_channels && !self.local.current.as_ref().is_some_and(|sdp| sdp.application)
    }

    /// What the method rejects when its turn has come.
    pub fn check(&self, operation: &Operation) -> Result<(), Rejection> {
        use State::{HaveLocalOffer, HaveRemoteOffer, Stable};
        let allowed = |states: &[State], why| {
            if states.contains(&self.state) { Ok(()) } else { Err(Rejection::InvalidState(why)) }
        };
        let latest = |created: &Option<String>, description: &Description| {
            if created.as_deref() == Some(&description.sdp) {
                Ok(())
            } else {
                Err(Rejection::InvalidModification)
            }
        };
        match operation {
            Operation::CreateOffer => {
                allowed(&[Stable, HaveLocalOffer], "createOffer needs stable or have-local-offer")
            }
            Operation::CreateAnswer => allowed(&[HaveRemoteOffer], "createAnswer needs have-remote-offer"),
            Operation::SetLocal(offer) if offer.kind == SdpType::Offer => {
                allowed(&[Stable, HaveLocalOffer], "a local offer needs stable or have-local-offer")?;
                latest(&self.last_offer, offer)
            }
            Operation::SetLocal(answer) => {
                allowed(&[HaveRemoteOffer], "a local answer needs have-remote-offer")?;
                latest(&self.last_answer, answer)
            }
            Operation::Rollback => allowed(&[HaveLocalOffer], "a local rollback needs have-local-offer"),
            Operation::SetRemote(offer) if offer.kind == SdpType::Offer => {
                if self.stack == Stack::ExplicitRollback {
                    allowed(&[Stable, HaveRemoteOffer], "a remote offer needs stable or have-remote-offer")?;
                }
                parse(offer).map(|_| ())
            }
            Operation::SetRemote(answer) => {
                allowed(&[HaveLocalOffer], "a remote answer needs have-local-offer")?;
                let answer = parse(answer)?;
                // JSEP 5.3: an answer has exactly the sections of its offer.
                let offered = self.local.pending.as_ref().is_some_and(|offer| offer.application);
                if answer.application == offered {
                    Ok(())
                } else {
                    Err(Rejection::Operation("the answer's sections are not the offer's"))
                }
            }
            Operation::AddCandidate(candidate) => {
                if self.remote.current.is_none() && self.remote.pending.is_none() {
                    return Err(Rejection::InvalidState("addIceCandidate needs a remote description"));
                }
                match candidate {
                    Some(candidate) if !self.is_known(candidate) => {
                        Err(Rejection::Operation("the candidate's ufrag is in no remote description"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Carries the method out.
    pub fn apply(&mut self, operation: &Operation) -> Result<Outcome, Rejection> {
        self.check(operation)?;
        match operation {
            Operation::CreateOffer => {
                let has_section = self.local.current.as_ref().is_some_and(|sdp| sdp.application);
                let sdp = self.describe(self.has_channels || has_section).text();
                self.last_offer = Some(sdp.clone());
                return Ok(Outcome::Created(Description { kind: SdpType::Offer, sdp }));
            }
            Operation::CreateAnswer => {
                let offered = self.remote.pending.as_ref().is_some_and(|offer| offer.application);
                let sdp = self.describe(offered).text();
                self.last_answer = Some(sdp.clone());
                return Ok(Outcome::Created(Description { kind: SdpType::Answer, sdp }));
            }
            Operation::SetLocal(description) => {
                let sdp = parse(description)?;
                match description.kind {
                    SdpType::Offer => {
                        self.local.pending = Some(sdp);
                        self.state = State::HaveLocalOffer;
                    }
                    SdpType::Answer => self.agree(sdp, self.remote.pending.clone()),
                }
            }
            Operation::SetRemote(description) => {
                let sdp = parse(description)?;
                match description.kind {
                    SdpType::Offer => {
                        if self.state == State::HaveLocalOffer {
                            self.roll_back();
                        }
                        self.remote.pending = Some(sdp);
                        self.state = State::HaveRemoteOffer;
                    }
                    SdpType::Answer => {
                        if let Some(local) = self.local.pending.clone() {
                            self.agree(local, Some(sdp));
                        }
                    }
                }
            }
            Operation::Rollback => self.roll_back(),
            Operation::AddCandidate(candidate) => {
                self.remote_candidates
                    .extend(candidate.as_ref().and_then(|candidate| candidate.username_fragment.clone()));
            }
        }
        Ok(Outcome::Applied)
    }

    fn describe(&mut self, application: bool) -> Sdp {
        self.versions += 1;
        if application && self.ufrag.is_none() {
            self.generations += 1;
            // The fingerprint is the connection's own, and so is this.
            self.ufrag = Some(format!("{}-{}", self.fingerprint.replace([':', ' '], ""), self.generations));
        }
        Sdp {
            version: self.versions,
            fingerprint: application.then(|| self.fingerprint.clone()),
            ufrag: self.ufrag.clone().filter(|_| application),
            application,
        }
    }

    fn agree(&mut self, local: Sdp, remote: Option<Sdp>) {
        self.local = Descriptions { current: Some(local), pending: None };
        self.remote = Descriptions { current: remote, pending: None };
        (self.last_offer, self.last_answer) = (None, None);
        self.state = State::Stable;
    }

    fn roll_back(&mut self) {
        self.local.pending = None;
        self.remote.pending = None;
        if self.local.current.is_none() {
            self.ufrag = None;
        }
        self.state = State::Stable;
    }

    fn is_known(&self, candidate: &Candidate) -> bool {
        let applied = [&self.remote.current, &self.remote.pending];
        match &candidate.username_fragment {
            None => true,
            ufrag => applied.into_iter().flatten().any(|sdp| sdp.ufrag == *ufrag),
        }
    }
}

fn parse(description: &Description) -> Result<Sdp, Rejection> {
    Sdp::parse(&description.sdp).ok_or(Rejection::Operation("not a session description"))
}
