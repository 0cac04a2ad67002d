//! Perfect negotiation of one `RTCPeerConnection` (W3C WebRTC, section 10.7), as a machine of single steps.
//!
//! A step is one asynchronous method of the connection. At most one is under way; whatever arrives meanwhile,
//! from the remote or from the connection, waits in a queue, but for a description from another connection. That
//! replaces the flags that the pattern needs in JavaScript: `makingOffer` and `isSettingRemoteAnswerPending` are
//! states here, and an offer that arrives during either is judged when the step is over.
//!
//! ```text
//!  offer needed                                          answer
//!    Stable ─► CreatingOffer ─► SettingLocalOffer ─► AwaitingAnswer ─► SettingRemoteAnswer ─► Stable
//!      │                                                  │ offer, and we are polite
//!      │ offer                                            ▼
//!      └─► SettingRemoteOffer ◄────────────────────── RollingBack
//!               └─► CreatingAnswer ─► SettingLocalAnswer ─► Stable
//! ```
//!
//! Offers are created, then set, and withdrawn by an explicit rollback: `@roamhq/wrtc` knows neither the
//! implicit rollback nor `setLocalDescription()` without an argument, and browsers do not mind.
//!
//! The rollback of a first offer waits for a first candidate, or [`crate::limits::CANDIDATE_TIMEOUT_MS`]. Chromium starts
//! to gather before it knows the network interfaces; where the rollback comes before them, as it may in the first
//! moments of a page, that connection never gathers anything, whatever is done to it.
//!
//! A data section that is not agreed on does not outlive a rollback in Chromium: later offers lack it, and it can be
//! answered under the tag that it had, and no other. So where our offer would bring the first one, it is sent again
//! instead of made again, and if it has to give way to an offer without that section the connection does too.
//!
//! When both sides offer at once the impolite one ignores the other's offer, but keeps it: should its own stay
//! unanswered, because the remote never got it, it is withdrawn and the kept one taken. An offer of ours that gave
//! way is made again only if the remote's is refused: back in `stable` the connection itself fires
//! `negotiationneeded` if the exchange did not cover what we wanted (W3C WebRTC, section 4.7.3).
//!
//! An ICE restart is an offer like any other, but for two things: it is wanted until an exchange has given our side a new
//! generation, whoever's offer that was, and how often it is tried is not for the negotiation to say.

mod judging;
mod sending;

use metered_protocol::{Candidate, Description, Fingerprint, Generation, SdpType, Value};

use crate::ids::OperationId;
use crate::input::Outcome;
use crate::limits::{ANSWER_TIMEOUT_MS, FAILED_EXCHANGES, QUEUED_SIGNALS, UNANSWERED_OFFERS};
use crate::output::{Operation, RemoteEvent};
use crate::room::Actor;
use judging::Held;

/// What the remote sends us to negotiate.
#[derive(Clone, Debug)]
pub(crate) enum RemoteSignal {
    Description(Description),
    Candidate(Option<Candidate>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stable,
    CreatingOffer,
    SettingLocalOffer,
    AwaitingAnswer,
    SettingRemoteAnswer,
    /// Back to stable, and on to the remote's offer if there is one.
    RollingBack,
    SettingRemoteOffer,
    CreatingAnswer,
    SettingLocalAnswer,
    /// The connection holds an offer of the remote that could not be answered: only another one helps.
    Unanswerable,
}

#[derive(Debug)]
pub(crate) struct Negotiation {
    polite: bool,
    step: Step,
    /// The step's operation. `Stable` and `AwaitingAnswer` have none.
    under_way: Option<OperationId>,
    /// Our part in the exchange under way, and the remote's. What was offered is ours until it is taken back.
    ours: Option<Description>,
    theirs: Option<Description>,
    offer_needed: bool,
    /// The next offer restarts ICE.
    restart_needed: bool,
    /// The generation of our side that was agreed on.
    generation: Option<Generation>,
    held: Option<Held>,
    inbox: Vec<RemoteSignal>,
    /// Candidates of ours that must not overtake the description they belong to.
    outbox: Vec<Option<Candidate>>,
    /// Candidates of the remote that came before its first description.
    early: Vec<RemoteSignal>,
    /// Candidates taken since the last remote description.
    candidates: usize,
    has_remote: bool,
    has_gathered: bool,
    /// The candidates of ours for the description that was sent last, until that has certainly arrived.
    gathered: Option<Vec<Option<Candidate>>>,
    /// A section for data channels was agreed on.
    has_data: bool,
    /// The remote's part in the latest exchange. What comes again is known by it.
    latest: Option<Description>,
    /// Our part in it, if that was the answer.
    answered: Option<Description>,
    remote_fingerprint: Option<Fingerprint>,
    unanswered: u32,
    failures: u32,
    replaced: bool,
}

impl Negotiation {
    /// Not inlined: remotes are made in one place and renewed in another.
    #[inline(never)]
    pub(crate) fn new(polite: bool) -> Self {
        Self {
            polite,
            step: Step::Stable,
            under_way: None,
            ours: None,
            theirs: None,
            offer_needed: false,
            restart_needed: false,
            generation: None,
            held: None,
            inbox: Vec::new(),
            outbox: Vec::new(),
            early: Vec::new(),
            candidates: 0,
            has_remote: false,
            has_gathered: false,
            gathered: None,
            has_data: false,
            latest: None,
            answered: None,
            remote_fingerprint: None,
            unanswered: 0,
            failures: 0,
            replaced: false,
        }
    }

    pub(crate) fn polite(&self) -> bool {
        self.polite
    }

    /// What is left to another connection, and to a new machine for that: the remote's description, which comes from
    /// another connection than the one we negotiated with or needs another one of ours, and what has come after it.
    pub(crate) fn take_replacement(&mut self) -> Option<Vec<RemoteSignal>> {
        self.replaced.then(|| std::mem::take(&mut self.inbox))
    }

    /// `negotiationneeded` fired.
    pub(crate) fn negotiation_needed<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        self.offer_needed = true;
        self.unanswered = 0;
        self.failures = 0;
        self.advance(actor);
    }

    /// ICE is to restart. Until it has, that is wanted.
    pub(crate) fn restart_ice<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        self.restart_needed = true;
        self.failures = 0;
        self.offer_needed = true;
        self.advance(actor);
    }

    /// ICE need not restart any more, or there is no use in trying.
    pub(crate) fn cancel_restart(&mut self) {
        self.restart_needed = false;
    }

    /// The connection is connected: ICE need not restart, and what was said has arrived.
    pub(crate) fn connected(&mut self) {
        self.cancel_restart();
        self.gathered = None;
    }

    /// Signals were lost on the way: an offer that waits for its answer is made again.
    pub(crate) fn signals_lost<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        self.unanswered = 0;
        self.answer_timed_out(actor);
    }

    /// The remote sent something.
    pub(crate) fn received<V: Value>(&mut self, signal: RemoteSignal, actor: &mut Actor<'_, V>) {
        if let RemoteSignal::Description(description) = &signal
            && self.under_way.is_some()
            && self.is_from_another_connection(description)
        {
            // The step may never end: a page that closes a connection leaves its promises pending. What waits for it is of
            // the connection that is gone.
            self.inbox = Vec::new();
            return self.replace(description.clone(), actor);
        }
        if self.inbox.len() >= QUEUED_SIGNALS {
            actor.log("dropped a signal: too many wait");
            return;
        }
        self.inbox.push(signal);
        self.advance(actor);
    }

    /// An offer was not answered in time.
    pub(crate) fn answer_timed_out<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        if self.step != Step::AwaitingAnswer {
            return;
        }
        self.unanswered += 1;
        let again = self.unanswered < UNANSWERED_OFFERS;
        match self.release_held() {
            None if self.loses_data(None) => self.offer_again(actor, again),
            Some(offer) if self.loses_data(Some(&offer)) => self.replace(offer, actor),
            kept => {
                self.offer_needed |= !self.restart_needed && again;
                self.roll_back(actor, kept);
            }
        }
    }

    /// An operation ended.
    pub(crate) fn finished<V: Value>(
        &mut self,
        op: OperationId,
        result: Result<Outcome, V>,
        actor: &mut Actor<'_, V>,
    ) {
        if self.under_way != Some(op) {
            // Candidates are added beside the steps; one of an ignored offer may well be refused.
            if let Err(error) = result
                && self.held.is_none()
            {
                actor.tell(RemoteEvent::IceCandidateError(error));
            }
            return;
        }
        self.under_way = None;
        let step = std::mem::replace(&mut self.step, Step::Stable);
        match result {
            Ok(outcome) => self.succeeded(step, outcome, actor),
            Err(error) => {
                actor.tell(RemoteEvent::NegotiationError(error));
                self.failed(step, actor);
            }
        }
        self.advance(actor);
    }

    fn succeeded<V: Value>(&mut self, step: Step, outcome: Outcome, actor: &mut Actor<'_, V>) {
        match (step, outcome) {
            (Step::CreatingOffer, Outcome::Created(offer)) => {
                // The remote was faster, and we would take this offer back at once: do not set it. It stays
                // needed until an exchange has covered it, for the remote's may yet fail.
                if self.polite && self.inbox.iter().any(is_offer) {
                    self.offer_needed = true;
                } else {
                    self.set_local(actor, Step::SettingLocalOffer, offer);
                }
            }
            (Step::SettingLocalOffer, _) => {
                self.step = Step::AwaitingAnswer;
                actor.wait(ANSWER_TIMEOUT_MS);
                self.send_ours(actor);
            }
            (Step::SettingRemoteAnswer, _) => {
                self.remote_applied();
                self.gathered = None;
                self.exchanged(false);
            }
            (Step::RollingBack, _) => self.take_theirs(actor),
            (Step::SettingRemoteOffer, _) => {
                self.offer_needed = false;
                self.remote_applied();
                self.operate(actor, Step::CreatingAnswer, Operation::CreateAnswer);
            }
            (Step::CreatingAnswer, Outcome::Created(answer)) => {
                self.set_local(actor, Step::SettingLocalAnswer, answer);
            }
            (Step::SettingLocalAnswer, _) => {
                self.send_ours(actor);
                actor.settled();
                self.exchanged(true);
                self.offer_needed |= self.restart_needed;
            }
            (Step::CreatingOffer | Step::CreatingAnswer, Outcome::Applied)
            | (Step::Stable | Step::AwaitingAnswer | Step::Unanswerable, _) => {}
        }
    }

    fn failed<V: Value>(&mut self, step: Step, actor: &mut Actor<'_, V>) {
        self.failures += 1;
        let again = self.failures < FAILED_EXCHANGES;
        match step {
            // The connection holds our offer.
            Step::SettingRemoteAnswer if self.loses_data(None) => {
                self.step = Step::AwaitingAnswer;
                self.offer_again(actor, again);
            }
            // Take it back, so that either side can start anew.
            Step::SettingRemoteAnswer => {
                self.offer_needed |= again;
                self.roll_back(actor, None);
            }
            // A stack without rollback may still take the remote's offer as it is.
            Step::RollingBack => self.take_theirs(actor),
            Step::CreatingOffer | Step::SettingLocalOffer => self.offer_needed |= again,
            Step::CreatingAnswer | Step::SettingLocalAnswer => self.step = Step::Unanswerable,
            _ => {}
        }
        self.outbox.clear();
    }

    /// Does what can be done until a step is under way or nothing is left.
    fn advance<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        while self.under_way.is_none() && !self.replaced {
            if !self.inbox.is_empty() {
                let signal = self.inbox.remove(0);
                self.take(signal, actor);
            } else if self.step == Step::Stable && self.offer_needed {
                self.offer_needed = false;
                let ice_restart = self.restart_needed;
                self.operate(actor, Step::CreatingOffer, Operation::CreateOffer { ice_restart });
            } else {
                return;
            }
        }
    }

    fn take_theirs<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        if let Some(offer) = self.theirs.take() {
            self.set_remote(actor, Step::SettingRemoteOffer, offer);
        }
    }

    fn remote_applied(&mut self) {
        self.has_remote = true;
        if let Some(fingerprint) = self.theirs.as_ref().and_then(Description::fingerprint) {
            self.remote_fingerprint = Some(fingerprint);
        }
        self.candidates = 0;
    }

    /// Both sides agree; ours on this generation, and maybe on data channels.
    fn exchanged(&mut self, is_answer_ours: bool) {
        self.failures = 0;
        self.unanswered = 0;
        self.has_data |= self.ours.as_ref().is_some_and(|ours| ours.data_section().is_some());
        let generation = self.ours.as_ref().and_then(Description::generation);
        if generation != self.generation {
            self.restart_needed = false;
            self.generation = generation;
        }
        self.latest = self.theirs.take();
        let early = std::mem::take(&mut self.early);
        self.take_first(early);
        self.answered = self.ours.take().filter(|_| is_answer_ours);
    }

    fn set_local<V: Value>(&mut self, actor: &mut Actor<'_, V>, step: Step, ours: Description) {
        self.ours = Some(ours.clone());
        self.operate(actor, step, Operation::SetLocal(ours));
    }

    fn set_remote<V: Value>(&mut self, actor: &mut Actor<'_, V>, step: Step, theirs: Description) {
        self.held = None;
        self.theirs = Some(theirs.clone());
        self.operate(actor, step, Operation::SetRemote(theirs));
    }

    /// Takes our offer back, and goes on to the remote's if there is one.
    fn roll_back<V: Value>(&mut self, actor: &mut Actor<'_, V>, theirs: Option<Description>) {
        self.theirs = theirs;
        self.ours = None;
        actor.withdraw(self.generation.is_none());
        self.operate(actor, Step::RollingBack, Operation::Rollback);
    }

    fn operate<V: Value>(&mut self, actor: &mut Actor<'_, V>, step: Step, operation: Operation) {
        self.step = step;
        self.under_way = Some(actor.operate(operation));
    }
}

fn is_offer(signal: &RemoteSignal) -> bool {
    matches!(signal, RemoteSignal::Description(description) if description.kind == SdpType::Offer)
}
