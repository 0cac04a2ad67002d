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

use metered_protocol::{Candidate, Description, Fingerprint, Generation, SdpType, Signal, Value};

use crate::ids::OperationId;
use crate::input::Outcome;
use crate::limits::{
    ANSWER_TIMEOUT_MS, CANDIDATE_TIMEOUT_MS, FAILED_EXCHANGES, MAX_CANDIDATES, QUEUED_SIGNALS,
    UNANSWERED_OFFERS,
};
use crate::output::{Operation, RemoteEvent};
use crate::room::Actor;

/// A description without a section.
const NOTHING: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

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

/// An offer that came while ours was out, and the candidates that followed it: we are impolite and ignored it, or
/// polite and cannot give way yet.
#[derive(Debug)]
struct Held {
    offer: Description,
    candidates: Vec<RemoteSignal>,
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
    early: Vec<Option<Candidate>>,
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

    /// The connection gathered a candidate, or has ended to.
    pub(crate) fn gathered<V: Value>(&mut self, candidate: Option<Candidate>, actor: &mut Actor<'_, V>) {
        self.has_gathered = true;
        match self.step {
            Step::SettingLocalOffer | Step::SettingLocalAnswer => self.outbox.push(candidate),
            _ => {
                if let Some(gathered) =
                    self.gathered.as_mut().filter(|gathered| gathered.len() < MAX_CANDIDATES)
                {
                    gathered.push(candidate.clone());
                }
                actor.send(Signal::Candidate(candidate), false);
            }
        }
        if self.polite
            && self.step == Step::AwaitingAnswer
            && let Some(offer) = self.release_held()
        {
            self.give_way(offer, actor);
        }
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
                self.remote_applied(actor);
                self.gathered = None;
                self.exchanged(false);
            }
            (Step::RollingBack, _) => self.take_theirs(actor),
            (Step::SettingRemoteOffer, _) => {
                self.offer_needed = false;
                self.remote_applied(actor);
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

    /// Takes a signal in `Stable` or `AwaitingAnswer`.
    fn take<V: Value>(&mut self, signal: RemoteSignal, actor: &mut Actor<'_, V>) {
        let awaiting = self.step == Step::AwaitingAnswer;
        match signal {
            RemoteSignal::Candidate(candidate) => self.take_candidate(candidate, actor),
            RemoteSignal::Description(description) if self.is_from_another_connection(&description) => {
                self.replace(description, actor);
            }
            // It was sent again, because our answer was long in coming or is lost.
            RemoteSignal::Description(description) if self.is_latest(&description) => {
                if let Some(answer) = self.answered.clone() {
                    self.send_again(actor, answer);
                }
            }
            // aiortc's way to offer nothing is refused by libwebrtc, and aiortc would wait for the answer for ever. Nothing
            // is answered by nothing, and the connection need not see it.
            RemoteSignal::Description(offer)
                if offer.kind == SdpType::Offer && offer.bundles_nothing() && (!awaiting || self.polite) =>
            {
                let nothing = Description { kind: SdpType::Answer, sdp: NOTHING.into() };
                actor.send(Signal::Description(nothing), false);
                self.offer_again(actor, awaiting);
            }
            RemoteSignal::Description(offer) if offer.kind == SdpType::Offer => {
                if !awaiting {
                    self.set_remote(actor, Step::SettingRemoteOffer, offer);
                } else if self.polite && self.loses_data(Some(&offer)) {
                    self.replace(offer, actor);
                } else if self.polite && (self.has_gathered || self.has_remote) {
                    self.give_way(offer, actor);
                } else {
                    self.held = Some(Held { offer, candidates: Vec::new() });
                    if self.polite {
                        actor.wait(CANDIDATE_TIMEOUT_MS);
                    }
                }
            }
            RemoteSignal::Description(answer) if awaiting => {
                actor.settled();
                self.set_remote(actor, Step::SettingRemoteAnswer, answer);
            }
            RemoteSignal::Description(_) => {
                actor.log("dropped an answer to a withdrawn offer");
                // Or to the one that stands: nothing tells which of two answers is to which offer. So if one was taken
                // for that of our last offer, both sides agree anew.
                self.offer_needed |= self.latest.is_some() && self.answered.is_none();
            }
        }
    }

    fn is_latest(&self, description: &Description) -> bool {
        self.latest.as_ref().is_some_and(|latest| latest.is_same(description))
    }

    /// Sends the offer once more that waits for its answer, with its candidates. Or lets it wait.
    fn offer_again<V: Value>(&mut self, actor: &mut Actor<'_, V>, again: bool) {
        let Some(offer) = self.ours.clone().filter(|_| again) else { return };
        actor.withdraw(self.generation.is_none());
        actor.wait(ANSWER_TIMEOUT_MS);
        self.send_again(actor, offer);
    }

    /// Whether our offer brings the first data section, and would lose it by a rollback for the remote's offer, or for
    /// another one of ours.
    fn loses_data(&self, theirs: Option<&Description>) -> bool {
        let ours = self.ours.as_ref().filter(|_| !self.has_data).and_then(Description::data_section);
        ours.is_some() && ours != theirs.and_then(Description::data_section)
    }

    /// Leaves the rest to another connection, beginning with this description.
    fn replace<V: Value>(&mut self, description: Description, actor: &mut Actor<'_, V>) {
        self.replaced = true;
        actor.settled();
        let mut signals = vec![RemoteSignal::Description(description)];
        for candidate in std::mem::take(&mut self.early) {
            signals.push(RemoteSignal::Candidate(candidate));
        }
        self.take_first(signals);
    }

    /// Takes our offer back for the remote's.
    fn give_way<V: Value>(&mut self, offer: Description, actor: &mut Actor<'_, V>) {
        self.offer_needed = true;
        actor.settled();
        self.roll_back(actor, Some(offer));
    }

    /// The offer that was held. Its candidates are the next to be taken.
    fn release_held(&mut self) -> Option<Description> {
        let held = self.held.take()?;
        self.take_first(held.candidates);
        Some(held.offer)
    }

    /// Puts signals before all others.
    fn take_first(&mut self, mut signals: Vec<RemoteSignal>) {
        signals.append(&mut self.inbox);
        self.inbox = signals;
    }

    fn take_theirs<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        if let Some(offer) = self.theirs.take() {
            self.set_remote(actor, Step::SettingRemoteOffer, offer);
        }
    }

    fn take_candidate<V: Value>(&mut self, candidate: Option<Candidate>, actor: &mut Actor<'_, V>) {
        if let Some(held) = &mut self.held {
            if held.candidates.len() < MAX_CANDIDATES {
                held.candidates.push(RemoteSignal::Candidate(candidate.clone()));
            }
            // It may as well belong to what we agreed on before.
            if !self.has_remote {
                return;
            }
        }
        self.candidates += 1;
        if self.candidates > MAX_CANDIDATES {
            actor.log("dropped a candidate: too many");
        } else if self.has_remote {
            actor.operate(Operation::AddCandidate(candidate));
        } else {
            self.early.push(candidate);
        }
    }

    fn is_from_another_connection(&self, description: &Description) -> bool {
        match (&self.remote_fingerprint, description.fingerprint()) {
            (Some(known), Some(new)) => *known != new,
            // A connection never loses what it once offered: one that offers nothing has just been made.
            (Some(_), None) => description.kind == SdpType::Offer && description.is_empty(),
            (None, _) => false,
        }
    }

    fn remote_applied<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        self.has_remote = true;
        let Some(theirs) = &self.theirs else { return };
        if let Some(fingerprint) = theirs.fingerprint() {
            self.remote_fingerprint = Some(fingerprint);
        }
        self.candidates = 0;
        for candidate in std::mem::take(&mut self.early) {
            // Some may be of a connection whose description never came, since the remote has replaced it.
            if candidate.as_ref().is_none_or(|candidate| theirs.knows(candidate)) {
                self.candidates += 1;
                actor.operate(Operation::AddCandidate(candidate));
            }
        }
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
        self.answered = self.ours.take().filter(|_| is_answer_ours);
    }

    fn send_ours<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        let Some(description) = self.ours.clone() else { return };
        self.gathered = Some(self.outbox.clone());
        let is_first = description.kind == SdpType::Answer || self.generation.is_none();
        actor.send(Signal::Description(description), is_first);
        self.send_candidates(actor);
    }

    /// Sends what was sent last once more, with all that was gathered for it: some of that travelled in it.
    fn send_again<V: Value>(&mut self, actor: &mut Actor<'_, V>, description: Description) {
        actor.send(Signal::Description(description), false);
        self.outbox = self.gathered.clone().unwrap_or_default();
        self.send_candidates(actor);
    }

    fn send_candidates<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        for candidate in std::mem::take(&mut self.outbox) {
            actor.send(Signal::Candidate(candidate), false);
        }
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
