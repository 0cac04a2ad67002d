//! The signalling state of an `RTCPeerConnection`, by the letter of W3C WebRTC.
//!
//! Each method has two halves: [`Signaling::check`] is what the method rejects when its turn in the chain of
//! operations has come (4.4.1.5, 4.4.2), [`Signaling::apply`] is what it changes when it succeeds.

use std::collections::BTreeSet;
use std::fmt;

use metered_core::{Operation, Outcome};
use metered_protocol::{Candidate, Description, SdpType};

use super::sdp::{Kind, Sdp, Section};
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
    /// The remote has restarted ICE: our answer does too.
    restarting: bool,
    /// Chromium: the section that data had in an offer that was rolled back. It can be answered there and nowhere else,
    /// and is in no offer any more.
    lost_data: Option<String>,
    /// `createDataChannel` was called.
    pub has_channels: bool,
    /// The section of each call of `addTransceiver`, once there is one.
    pub transceivers: Vec<Option<String>>,
    /// The candidates that were added, with their generations.
    pub remote_candidates: BTreeSet<(String, String)>,
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
            restarting: false,
            lost_data: None,
            has_channels: false,
            transceivers: Vec::new(),
            remote_candidates: BTreeSet::new(),
        }
    }

    /// Whose rules these are.
    pub fn stack(&self) -> Stack {
        self.stack
    }

    /// `signalingState`.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether no offer waits for its answer.
    pub fn is_stable(&self) -> bool {
        self.state == State::Stable
    }

    /// Whether there is anything to offer.
    pub fn has_content(&self) -> bool {
        self.has_channels || !self.transceivers.is_empty() || self.local.current.is_some()
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
        let current = self.local.current.as_ref();
        let needs_application = self.wants_data() && !current.is_some_and(Sdp::has_application);
        needs_application || self.transceivers.iter().any(Option::is_none)
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
            Operation::CreateOffer { .. } => {
                allowed(&[Stable, HaveLocalOffer], "createOffer needs stable or have-local-offer")
            }
            Operation::CreateAnswer => allowed(&[HaveRemoteOffer], "createAnswer needs have-remote-offer"),
            Operation::SetLocal(offer) if offer.kind == SdpType::Offer => {
                allowed(&[Stable, HaveLocalOffer], "a local offer needs stable or have-local-offer")?;
                latest(&self.last_offer, offer)
            }
            Operation::SetLocal(answer) => {
                allowed(&[HaveRemoteOffer], "a local answer needs have-remote-offer")?;
                latest(&self.last_answer, answer)?;
                match (&self.lost_data, parse(answer)?.application()) {
                    (Some(mid), Some(other)) if mid != other => {
                        Err(Rejection::Operation("Failed to start SCTP transport"))
                    }
                    _ => Ok(()),
                }
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
                match &self.local.pending {
                    Some(offer) if offer.sections == answer.sections => Ok(()),
                    _ => Err(Rejection::Operation("the answer's sections are not the offer's")),
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
            Operation::CreateOffer { ice_restart } => {
                if *ice_restart && self.local.current.is_some() {
                    self.ufrag = None;
                }
                let sections = self.offered_sections();
                let sdp = self.describe(sections).text();
                self.last_offer = Some(sdp.clone());
                return Ok(Outcome::Created(Description { kind: SdpType::Offer, sdp }));
            }
            Operation::CreateAnswer => {
                if std::mem::take(&mut self.restarting) {
                    self.ufrag = None;
                }
                let offered = self.remote.pending.as_ref().map(|offer| offer.sections.clone());
                let sdp = self.describe(offered.unwrap_or_default()).text();
                self.last_answer = Some(sdp.clone());
                return Ok(Outcome::Created(Description { kind: SdpType::Answer, sdp }));
            }
            Operation::SetLocal(description) => {
                let sdp = parse(description)?;
                match description.kind {
                    SdpType::Offer => {
                        self.assign_sections(&sdp);
                        self.local.pending = Some(sdp);
                        self.state = State::HaveLocalOffer;
                    }
                    SdpType::Answer => self.agree(sdp, self.remote.pending.clone()),
                }
            }
            Operation::SetRemote(description) => {
                let sdp = parse(description)?;
                // Who does not trickle has its candidates in its descriptions.
                let candidates = description.sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
                if let Some(ufrag) = &sdp.ufrag {
                    let known = candidates.map(|rest| (ufrag.clone(), format!("candidate:{rest}")));
                    self.remote_candidates.extend(known);
                }
                match description.kind {
                    SdpType::Offer => {
                        if self.state == State::HaveLocalOffer {
                            self.roll_back();
                        }
                        let known = self.remote.current.as_ref().and_then(|current| current.ufrag.as_ref());
                        self.restarting = known.is_some() && known != sdp.ufrag.as_ref();
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
                if let Some(Candidate { candidate, username_fragment: Some(ufrag), .. }) = candidate {
                    self.remote_candidates.insert((ufrag.clone(), candidate.clone()));
                }
            }
        }
        Ok(Outcome::Applied)
    }

    fn wants_data(&self) -> bool {
        self.has_channels && self.lost_data.is_none()
    }

    /// What is offered or agreed on, in its order, then what is new.
    fn offered_sections(&self) -> Vec<Section> {
        let known = self.local.pending.as_ref().or(self.local.current.as_ref()).cloned().unwrap_or_default();
        let mut sections = known.sections.clone();
        let mut add = |kind| sections.push(Section { mid: sections.len().to_string(), kind });
        let is_placed = |mid: &Option<String>| mid.as_deref().is_some_and(|mid| known.has_section(mid));
        self.transceivers.iter().filter(|mid| !is_placed(mid)).for_each(|_| add(Kind::Media));
        if self.wants_data() && !known.has_application() {
            add(Kind::Application);
        }
        sections
    }

    /// Gives our transceivers the new sections of our offer.
    fn assign_sections(&mut self, offer: &Sdp) {
        let current = self.local.current.clone().unwrap_or_default();
        let mut new = offer
            .sections
            .iter()
            .filter(|section| section.kind == Kind::Media && !current.has_section(&section.mid));
        for transceiver in &mut self.transceivers {
            if !transceiver.as_ref().is_some_and(|mid| current.has_section(mid)) {
                *transceiver = new.next().map(|section| section.mid.clone());
            }
        }
    }

    fn is_agreed(&self, mid: Option<&str>) -> bool {
        mid.is_some_and(|mid| self.local.current.as_ref().is_some_and(|current| current.has_section(mid)))
    }

    fn describe(&mut self, sections: Vec<Section>) -> Sdp {
        self.versions += 1;
        if !sections.is_empty() && self.ufrag.is_none() {
            self.generations += 1;
            let [.., id] = self.fingerprint.split(' ').collect::<Vec<_>>()[..] else { unreachable!() };
            self.ufrag = Some(format!("{}/{}", id.replace(':', ""), self.generations));
        }
        Sdp {
            version: self.versions,
            fingerprint: (!sections.is_empty()).then(|| self.fingerprint.clone()),
            ufrag: self.ufrag.clone().filter(|_| !sections.is_empty()),
            sections,
        }
    }

    fn agree(&mut self, local: Sdp, remote: Option<Sdp>) {
        self.local = Descriptions { current: Some(local), pending: None };
        self.remote = Descriptions { current: remote, pending: None };
        (self.last_offer, self.last_answer) = (None, None);
        self.state = State::Stable;
    }

    fn roll_back(&mut self) {
        let has_data = self.local.current.as_ref().is_some_and(Sdp::has_application);
        if self.stack == Stack::Browser && !has_data {
            let offered = self.local.pending.as_ref().and_then(Sdp::application);
            self.lost_data = self.lost_data.take().or(offered.map(str::to_owned));
        }
        self.local.pending = None;
        self.remote.pending = None;
        self.restarting = false;
        match &self.local.current {
            None => self.ufrag = None,
            Some(current) => self.ufrag.clone_from(&current.ufrag),
        }
        for index in 0..self.transceivers.len() {
            if !self.is_agreed(self.transceivers[index].as_deref()) {
                self.transceivers[index] = None;
            }
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
