//! What is sent to the remote: our descriptions, once more where that may help, and the candidates that belong to
//! them, which never overtake them.

use metered_protocol::{Candidate, Description, SdpType, Signal, Value};

use super::{Negotiation, Step};
use crate::limits::{ANSWER_TIMEOUT_MS, MAX_CANDIDATES};
use crate::room::Actor;

impl Negotiation {
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

    /// Sends the offer once more that waits for its answer, with its candidates. Or lets it wait.
    pub(super) fn offer_again<V: Value>(&mut self, actor: &mut Actor<'_, V>, again: bool) {
        let Some(offer) = self.ours.clone().filter(|_| again) else { return };
        actor.withdraw(self.generation.is_none());
        actor.wait(ANSWER_TIMEOUT_MS);
        self.send_again(actor, offer);
    }

    pub(super) fn send_ours<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        let Some(description) = self.ours.clone() else { return };
        self.gathered = Some(self.outbox.clone());
        let is_first = description.kind == SdpType::Answer || self.generation.is_none();
        actor.send(Signal::Description(description), is_first);
        self.send_candidates(actor);
    }

    /// Sends what was sent last once more, with all that was gathered for it: some of that travelled in it.
    pub(super) fn send_again<V: Value>(&mut self, actor: &mut Actor<'_, V>, description: Description) {
        actor.send(Signal::Description(description), false);
        self.outbox = self.gathered.clone().unwrap_or_default();
        self.send_candidates(actor);
    }

    fn send_candidates<V: Value>(&mut self, actor: &mut Actor<'_, V>) {
        for candidate in std::mem::take(&mut self.outbox) {
            actor.send(Signal::Candidate(candidate), false);
        }
    }
}
