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

use metered_protocol::{Candidate, Description, Fingerprint, Generation, SdpType, Signal};

use crate::ids::OperationId;
use crate::input::Outcome;
use crate::limits::{FAILED_EXCHANGES, MAX_CANDIDATES, QUEUED_SIGNALS, UNANSWERED_OFFERS};
use crate::output::{JsonText, Level, Operation};
use crate::queue::Queue;

/// A description without a section.
const NOTHING: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// What the remote sends us to negotiate.
#[derive(Clone, Debug)]
pub(crate) enum RemoteSignal {
    Description(Description),
    Candidate(Option<Candidate>),
}

/// What is to be done, in this order.
#[derive(Debug)]
pub(crate) enum Action<E> {
    Operate(OperationId, Operation),
    /// Send this to the remote.
    Send(Signal<JsonText>),
    /// Send this description, and in it what candidates of ours follow before it leaves. Not so one that may be taken back
    /// without them, as long as others were agreed on.
    SendGathering(Description),
    /// The remote's description comes from another connection than the one we negotiated with, or needs another one of
    /// ours. This machine is done; a new one for a new connection takes the description and what has come after it.
    Replace(Queue<RemoteSignal>),
    /// An offer was sent: an answer is due within [`crate::limits::ANSWER_TIMEOUT_MS`].
    AwaitAnswer,
    /// The remote's offer waits for a candidate of ours, [`crate::limits::CANDIDATE_TIMEOUT_MS`] at most.
    AwaitCandidate,
    /// The offer that was sent is taken back: if it has not left yet, it shall not. True if nothing was agreed on before,
    /// so that no candidate of ours is of any use either.
    Withdrawn(bool),
    /// No answer is due any more: it came, or another exchange has taken the offer's place.
    AnswerSettled,
    NegotiationError(E),
    CandidateError(E),
    Log(Level, &'static str),
}

#[derive(Clone, Debug)]
enum Step {
    Stable,
    CreatingOffer,
    SettingLocalOffer(Description),
    AwaitingAnswer,
    SettingRemoteAnswer(Description),
    /// Back to stable, and on to the remote's offer if there is one.
    RollingBack(Option<Description>),
    SettingRemoteOffer(Description),
    /// The answer to this offer.
    CreatingAnswer(Description),
    SettingLocalAnswer {
        offer: Description,
        answer: Description,
    },
    /// The connection holds an offer of the remote that could not be answered: only another one helps.
    Unanswerable,
}

/// An offer that came while ours was out, and the candidates that followed it: we are impolite and ignored it, or
/// polite and cannot give way yet.
#[derive(Debug)]
struct Held {
    offer: Description,
    candidates: Vec<Option<Candidate>>,
}

#[derive(Debug)]
pub(crate) struct Negotiation<E> {
    polite: bool,
    step: Step,
    /// The step's operation. `Stable` and `AwaitingAnswer` have none.
    under_way: Option<OperationId>,
    offer_needed: bool,
    /// The next offer restarts ICE.
    restart_needed: bool,
    /// The generation of our side: what was agreed on, and what the offer under way would make it.
    generation: Option<Generation>,
    offered_generation: Option<Generation>,
    held: Option<Held>,
    inbox: Queue<RemoteSignal>,
    /// Candidates of ours that must not overtake the description they belong to.
    outbox: Vec<Option<Candidate>>,
    /// Candidates of the remote that came before its first description.
    early: Vec<Option<Candidate>>,
    /// Candidates taken since the last remote description.
    candidates: usize,
    has_remote: bool,
    has_gathered: bool,
    /// The offer of ours that waits for its answer.
    offered: Option<Description>,
    /// The candidates of ours for the description that was sent last, until that has certainly arrived.
    gathered: Option<Vec<Option<Candidate>>>,
    /// A section for data channels was agreed on.
    has_data: bool,
    /// The remote's part in the latest exchange, and our answer if that was an offer. What comes again is known by it.
    latest: Option<(Description, Option<Description>)>,
    remote_fingerprint: Option<Fingerprint>,
    unanswered: u32,
    failures: u32,
    replaced: bool,
    actions: Vec<Action<E>>,
}

impl<E> Negotiation<E> {
    pub(crate) fn new(polite: bool) -> Self {
        Self {
            polite,
            step: Step::Stable,
            under_way: None,
            offer_needed: false,
            restart_needed: false,
            generation: None,
            offered_generation: None,
            held: None,
            inbox: Queue::new(),
            outbox: Vec::new(),
            early: Vec::new(),
            candidates: 0,
            has_remote: false,
            has_gathered: false,
            offered: None,
            gathered: None,
            has_data: false,
            latest: None,
            remote_fingerprint: None,
            unanswered: 0,
            failures: 0,
            replaced: false,
            actions: Vec::new(),
        }
    }

    pub(crate) fn polite(&self) -> bool {
        self.polite
    }

    /// What is to be done since the last time.
    pub(crate) fn take_actions(&mut self) -> Vec<Action<E>> {
        std::mem::take(&mut self.actions)
    }

    /// `negotiationneeded` fired.
    pub(crate) fn negotiation_needed(&mut self, ids: &mut u32) {
        self.offer_needed = true;
        self.unanswered = 0;
        self.failures = 0;
        self.advance(ids);
    }

    /// ICE is to restart. Until it has, that is wanted.
    pub(crate) fn restart_ice(&mut self, ids: &mut u32) {
        self.restart_needed = true;
        self.failures = 0;
        self.offer_needed = true;
        self.advance(ids);
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
    pub(crate) fn signals_lost(&mut self, ids: &mut u32) {
        self.unanswered = 0;
        self.answer_timed_out(ids);
    }

    /// The connection gathered a candidate, or has ended to.
    pub(crate) fn gathered(&mut self, candidate: Option<Candidate>, ids: &mut u32) {
        self.has_gathered = true;
        match self.step {
            Step::SettingLocalOffer(_) | Step::SettingLocalAnswer { .. } => self.outbox.push(candidate),
            _ => {
                if let Some(gathered) =
                    self.gathered.as_mut().filter(|gathered| gathered.len() < MAX_CANDIDATES)
                {
                    gathered.push(candidate.clone());
                }
                self.actions.push(Action::Send(Signal::Candidate(candidate)));
            }
        }
        if self.polite
            && matches!(self.step, Step::AwaitingAnswer)
            && let Some(offer) = self.release_held()
        {
            self.give_way(offer, ids);
        }
    }

    /// The remote sent something.
    pub(crate) fn received(&mut self, signal: RemoteSignal, ids: &mut u32) {
        if let RemoteSignal::Description(description) = &signal
            && self.under_way.is_some()
            && self.is_from_another_connection(description)
        {
            // The step may never end: a page that closes a connection leaves its promises pending. What waits for it is of
            // the connection that is gone.
            self.inbox = Queue::new();
            return self.replace(description.clone());
        }
        if self.inbox.len() >= QUEUED_SIGNALS {
            self.log("dropped a signal: too many wait");
            return;
        }
        self.inbox.push(signal);
        self.advance(ids);
    }

    /// An offer was not answered in time.
    pub(crate) fn answer_timed_out(&mut self, ids: &mut u32) {
        if !matches!(self.step, Step::AwaitingAnswer) {
            return;
        }
        self.unanswered += 1;
        let again = self.unanswered < UNANSWERED_OFFERS;
        match self.release_held() {
            None if self.loses_data(None) => self.offer_again(again),
            Some(offer) if self.loses_data(Some(&offer)) => self.replace(offer),
            kept => {
                self.offer_needed |= !self.restart_needed && again;
                self.operate(ids, Step::RollingBack(kept), Operation::Rollback);
            }
        }
    }

    /// An operation ended.
    pub(crate) fn finished(&mut self, op: OperationId, result: Result<Outcome, E>, ids: &mut u32) {
        if self.under_way != Some(op) {
            // Candidates are added beside the steps; one of an ignored offer may well be refused.
            if let Err(error) = result
                && self.held.is_none()
            {
                self.actions.push(Action::CandidateError(error));
            }
            return;
        }
        self.under_way = None;
        let step = std::mem::replace(&mut self.step, Step::Stable);
        match result {
            Ok(outcome) => self.succeeded(step, outcome, ids),
            Err(error) => {
                self.actions.push(Action::NegotiationError(error));
                self.failed(step, ids);
            }
        }
        self.advance(ids);
    }

    fn succeeded(&mut self, step: Step, outcome: Outcome, ids: &mut u32) {
        match (step, outcome) {
            (Step::CreatingOffer, Outcome::Created(offer)) => {
                // The remote was faster, and we would take this offer back at once: do not set it. It stays
                // needed until an exchange has covered it, for the remote's may yet fail.
                if self.polite && self.inbox.any(is_offer) {
                    self.offer_needed = true;
                } else {
                    self.operate(ids, Step::SettingLocalOffer(offer.clone()), Operation::SetLocal(offer));
                }
            }
            (Step::SettingLocalOffer(offer), _) => {
                self.step = Step::AwaitingAnswer;
                self.offered_generation = offer.generation();
                self.offered = Some(offer.clone());
                self.actions.push(Action::AwaitAnswer);
                self.send(offer);
            }
            (Step::SettingRemoteAnswer(answer), _) => {
                self.remote_applied(&answer, ids);
                let generation = self.offered_generation.take();
                let has_data = self.offered.as_ref().is_some_and(|offer| offer.data_section().is_some());
                self.latest = Some((answer, None));
                self.gathered = None;
                self.exchanged(generation, has_data);
            }
            (Step::RollingBack(Some(offer)), _) => self.take_offer(offer, ids),
            (Step::SettingRemoteOffer(offer), _) => {
                self.offer_needed = false;
                self.remote_applied(&offer, ids);
                self.operate(ids, Step::CreatingAnswer(offer), Operation::CreateAnswer);
            }
            (Step::CreatingAnswer(offer), Outcome::Created(answer)) => {
                let step = Step::SettingLocalAnswer { offer, answer: answer.clone() };
                self.operate(ids, step, Operation::SetLocal(answer));
            }
            (Step::SettingLocalAnswer { offer, answer }, _) => {
                let (generation, has_data) = (answer.generation(), answer.data_section().is_some());
                self.latest = Some((offer, Some(answer.clone())));
                self.send(answer);
                self.actions.push(Action::AnswerSettled);
                self.exchanged(generation, has_data);
                self.offer_needed |= self.restart_needed;
            }
            (Step::CreatingOffer | Step::CreatingAnswer(_), Outcome::Applied)
            | (Step::RollingBack(None) | Step::Stable | Step::AwaitingAnswer | Step::Unanswerable, _) => {}
        }
    }

    fn failed(&mut self, step: Step, ids: &mut u32) {
        self.failures += 1;
        let again = self.failures < FAILED_EXCHANGES;
        match step {
            // The connection holds our offer.
            Step::SettingRemoteAnswer(_) if self.loses_data(None) => {
                self.step = Step::AwaitingAnswer;
                self.offer_again(again);
            }
            // Take it back, so that either side can start anew.
            Step::SettingRemoteAnswer(_) => {
                self.offer_needed |= again;
                self.operate(ids, Step::RollingBack(None), Operation::Rollback);
            }
            // A stack without rollback may still take the remote's offer as it is.
            Step::RollingBack(Some(offer)) => self.take_offer(offer, ids),
            Step::CreatingOffer | Step::SettingLocalOffer(_) => self.offer_needed |= again,
            Step::CreatingAnswer(_) | Step::SettingLocalAnswer { .. } => self.step = Step::Unanswerable,
            _ => {}
        }
        self.outbox.clear();
    }

    /// Does what can be done until a step is under way or nothing is left.
    fn advance(&mut self, ids: &mut u32) {
        while self.under_way.is_none() && !self.replaced {
            if let Some(signal) = self.inbox.pop() {
                self.take(signal, ids);
            } else if matches!(self.step, Step::Stable) && self.offer_needed {
                self.offer_needed = false;
                let ice_restart = self.restart_needed;
                self.operate(ids, Step::CreatingOffer, Operation::CreateOffer { ice_restart });
            } else {
                return;
            }
        }
    }

    /// Takes a signal in `Stable` or `AwaitingAnswer`.
    fn take(&mut self, signal: RemoteSignal, ids: &mut u32) {
        let awaiting = matches!(self.step, Step::AwaitingAnswer);
        match signal {
            RemoteSignal::Candidate(candidate) => self.take_candidate(candidate, ids),
            RemoteSignal::Description(description) if self.is_from_another_connection(&description) => {
                self.replace(description);
            }
            // It was sent again, because our answer was long in coming or is lost.
            RemoteSignal::Description(description) if self.is_latest(&description) => {
                if let Some((_, Some(answer))) = self.latest.clone() {
                    self.send_again(answer);
                }
            }
            // aiortc's way to offer nothing is refused by libwebrtc, and aiortc would wait for the answer for ever. Nothing
            // is answered by nothing, and the connection need not see it.
            RemoteSignal::Description(offer)
                if offer.kind == SdpType::Offer && offer.bundles_nothing() && (!awaiting || self.polite) =>
            {
                let nothing = Description { kind: SdpType::Answer, sdp: NOTHING.into() };
                self.actions.push(Action::Send(Signal::Description(nothing)));
                self.offer_again(awaiting);
            }
            RemoteSignal::Description(offer) if offer.kind == SdpType::Offer => {
                if !awaiting {
                    self.take_offer(offer, ids);
                } else if self.polite && self.loses_data(Some(&offer)) {
                    self.replace(offer);
                } else if self.polite && (self.has_gathered || self.has_remote) {
                    self.give_way(offer, ids);
                } else {
                    self.held = Some(Held { offer, candidates: Vec::new() });
                    if self.polite {
                        self.actions.push(Action::AwaitCandidate);
                    }
                }
            }
            RemoteSignal::Description(answer) if awaiting => {
                self.actions.push(Action::AnswerSettled);
                self.held = None;
                let step = Step::SettingRemoteAnswer(answer.clone());
                self.operate(ids, step, Operation::SetRemote(answer));
            }
            RemoteSignal::Description(_) => {
                self.log("dropped an answer to a withdrawn offer");
                // Or to the one that stands: nothing tells which of two answers is to which offer. So if one was taken
                // for that of our last offer, both sides agree anew.
                self.offer_needed |= matches!(self.latest, Some((_, None)));
            }
        }
    }

    fn is_latest(&self, description: &Description) -> bool {
        self.latest.as_ref().is_some_and(|(latest, _)| latest.is_same(description))
    }

    /// Sends the offer once more that waits for its answer, with its candidates. Or lets it wait.
    fn offer_again(&mut self, again: bool) {
        let Some(offer) = self.offered.clone().filter(|_| again) else { return };
        self.actions.push(Action::Withdrawn(self.generation.is_none()));
        self.actions.push(Action::AwaitAnswer);
        self.send_again(offer);
    }

    /// Whether our offer brings the first data section, and would lose it by a rollback for the remote's offer, or for
    /// another one of ours.
    fn loses_data(&self, theirs: Option<&Description>) -> bool {
        let ours = self.offered.as_ref().filter(|_| !self.has_data).and_then(Description::data_section);
        ours.is_some() && ours != theirs.and_then(Description::data_section)
    }

    /// Leaves the rest to another connection, beginning with this description.
    fn replace(&mut self, description: Description) {
        self.replaced = true;
        self.actions.push(Action::AnswerSettled);
        for candidate in std::mem::take(&mut self.early).into_iter().rev() {
            self.inbox.push_front(RemoteSignal::Candidate(candidate));
        }
        self.inbox.push_front(RemoteSignal::Description(description));
        self.actions.push(Action::Replace(std::mem::replace(&mut self.inbox, Queue::new())));
    }

    /// Takes our offer back for the remote's.
    fn give_way(&mut self, offer: Description, ids: &mut u32) {
        self.offer_needed = true;
        self.actions.push(Action::AnswerSettled);
        self.operate(ids, Step::RollingBack(Some(offer)), Operation::Rollback);
    }

    /// The offer that was held. Its candidates are the next to be taken.
    fn release_held(&mut self) -> Option<Description> {
        let held = self.held.take()?;
        for candidate in held.candidates.into_iter().rev() {
            self.inbox.push_front(RemoteSignal::Candidate(candidate));
        }
        Some(held.offer)
    }

    fn take_offer(&mut self, offer: Description, ids: &mut u32) {
        self.held = None;
        let step = Step::SettingRemoteOffer(offer.clone());
        self.operate(ids, step, Operation::SetRemote(offer));
    }

    fn take_candidate(&mut self, candidate: Option<Candidate>, ids: &mut u32) {
        if let Some(held) = &mut self.held {
            if held.candidates.len() < MAX_CANDIDATES {
                held.candidates.push(candidate.clone());
            }
            // It may as well belong to what we agreed on before.
            if !self.has_remote {
                return;
            }
        }
        self.candidates += 1;
        if self.candidates > MAX_CANDIDATES {
            self.log("dropped a candidate: too many");
        } else if self.has_remote {
            self.add_candidate(candidate, ids);
        } else {
            self.early.push(candidate);
        }
    }

    fn add_candidate(&mut self, candidate: Option<Candidate>, ids: &mut u32) {
        let op = OperationId::next(ids);
        self.actions.push(Action::Operate(op, Operation::AddCandidate(candidate)));
    }

    fn is_from_another_connection(&self, description: &Description) -> bool {
        match (&self.remote_fingerprint, description.fingerprint()) {
            (Some(known), Some(new)) => *known != new,
            // A connection never loses what it once offered: one that offers nothing has just been made.
            (Some(_), None) => description.kind == SdpType::Offer && description.is_empty(),
            (None, _) => false,
        }
    }

    fn remote_applied(&mut self, description: &Description, ids: &mut u32) {
        self.has_remote = true;
        self.remote_fingerprint = description.fingerprint().or(self.remote_fingerprint.take());
        self.candidates = 0;
        for candidate in std::mem::take(&mut self.early) {
            self.candidates += 1;
            self.add_candidate(candidate, ids);
        }
    }

    /// Both sides agree; ours on this generation, and maybe on data channels.
    fn exchanged(&mut self, generation: Option<Generation>, has_data: bool) {
        self.failures = 0;
        self.unanswered = 0;
        self.has_data |= has_data;
        self.offered = None;
        if generation != self.generation {
            self.restart_needed = false;
            self.generation = generation;
        }
    }

    fn send(&mut self, description: Description) {
        self.gathered = Some(self.outbox.clone());
        let is_first = description.kind == SdpType::Answer || self.generation.is_none();
        self.actions.push(match is_first {
            true => Action::SendGathering(description),
            false => Action::Send(Signal::Description(description)),
        });
        self.send_candidates();
    }

    /// Sends what was sent last once more, with all that was gathered for it: some of that travelled in it.
    fn send_again(&mut self, description: Description) {
        self.actions.push(Action::Send(Signal::Description(description)));
        self.outbox = self.gathered.clone().unwrap_or_default();
        self.send_candidates();
    }

    fn send_candidates(&mut self) {
        for candidate in std::mem::take(&mut self.outbox) {
            self.actions.push(Action::Send(Signal::Candidate(candidate)));
        }
    }

    fn operate(&mut self, ids: &mut u32, step: Step, operation: Operation) {
        if let Operation::Rollback = operation {
            self.offered = None;
            self.actions.push(Action::Withdrawn(self.generation.is_none()));
        }
        let op = OperationId::next(ids);
        self.step = step;
        self.under_way = Some(op);
        self.actions.push(Action::Operate(op, operation));
    }

    fn log(&mut self, message: &'static str) {
        self.actions.push(Action::Log(Level::Debug, message));
    }
}

fn is_offer(signal: &RemoteSignal) -> bool {
    matches!(signal, RemoteSignal::Description(description) if description.kind == SdpType::Offer)
}
