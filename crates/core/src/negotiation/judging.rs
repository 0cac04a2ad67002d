//! What the remote sent, judged when no step is under way: it is taken, waits, makes us give way, or is another
//! connection's.

use metered_protocol::{Candidate, Description, SdpType, Signal, Value};

use super::{Negotiation, RemoteSignal, Step};
use crate::limits::{CANDIDATE_TIMEOUT_MS, MAX_CANDIDATES};
use crate::output::Operation;
use crate::room::Actor;

/// A description without a section.
const NOTHING: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// An offer that came while ours was out, and the candidates that followed it: we are impolite and ignored it, or
/// polite and cannot give way yet.
#[derive(Debug)]
pub(super) struct Held {
    offer: Description,
    candidates: Vec<RemoteSignal>,
}

impl Negotiation {
    /// Takes a signal in `Stable` or `AwaitingAnswer`.
    pub(super) fn take<V: Value>(&mut self, signal: RemoteSignal, actor: &mut Actor<'_, V>) {
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
            RemoteSignal::Description(answer)
                if awaiting && self.ours.as_ref().is_some_and(|ours| ours.has_sections_of(&answer)) =>
            {
                actor.settled();
                self.set_remote(actor, Step::SettingRemoteAnswer, answer);
            }
            RemoteSignal::Description(_) => {
                actor.log("dropped an answer to a withdrawn offer");
                // Or to the one that stands: nothing tells which of two answers is to which offer, if these have the same
                // sections. So if one was taken for that of our last offer, both sides agree anew.
                self.offer_needed |= !awaiting && self.latest.is_some() && self.answered.is_none();
            }
        }
    }

    /// Leaves the rest to another connection, beginning with this description.
    pub(super) fn replace<V: Value>(&mut self, description: Description, actor: &mut Actor<'_, V>) {
        self.replaced = true;
        actor.settled();
        let mut signals = vec![RemoteSignal::Description(description)];
        signals.append(&mut self.early);
        self.take_first(signals);
    }

    /// Takes our offer back for the remote's.
    pub(super) fn give_way<V: Value>(&mut self, offer: Description, actor: &mut Actor<'_, V>) {
        self.offer_needed = true;
        actor.settled();
        self.roll_back(actor, Some(offer));
    }

    /// The offer that was held. Its candidates are the next to be taken.
    pub(super) fn release_held(&mut self) -> Option<Description> {
        let held = self.held.take()?;
        self.take_first(held.candidates);
        Some(held.offer)
    }

    /// Puts signals before all others.
    pub(super) fn take_first(&mut self, mut signals: Vec<RemoteSignal>) {
        signals.append(&mut self.inbox);
        self.inbox = signals;
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
        } else if !self.has_remote {
            self.early.push(RemoteSignal::Candidate(candidate));
        } else if self.is_of_another_generation(candidate.as_ref()) {
            actor.log("dropped a candidate of another generation");
        } else {
            actor.operate(Operation::AddCandidate(candidate));
        }
    }

    fn is_latest(&self, description: &Description) -> bool {
        self.latest.as_ref().is_some_and(|latest| latest.is_same(description))
    }

    /// Whether a candidate belongs to an offer that its maker has taken back, or to a connection that it has replaced. The
    /// connection would refuse it, though nothing is wrong.
    fn is_of_another_generation(&self, candidate: Option<&Candidate>) -> bool {
        self.latest.as_ref().zip(candidate).is_some_and(|(latest, candidate)| !latest.knows(candidate))
    }

    pub(super) fn is_from_another_connection(&self, description: &Description) -> bool {
        match (&self.remote_fingerprint, description.fingerprint()) {
            (Some(known), Some(new)) => *known != new,
            // A connection never loses what it once offered: one that offers nothing has just been made.
            (Some(_), None) => description.kind == SdpType::Offer && description.is_empty(),
            (None, _) => false,
        }
    }

    /// Whether our offer brings the first data section, and would lose it by a rollback for the remote's offer, or for
    /// another one of ours.
    pub(super) fn loses_data(&self, theirs: Option<&Description>) -> bool {
        let ours = self.ours.as_ref().filter(|_| !self.has_data).and_then(Description::data_section);
        ours.is_some() && ours != theirs.and_then(Description::data_section)
    }
}
