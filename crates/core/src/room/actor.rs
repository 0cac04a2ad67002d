//! What a negotiation does: steps of its connection, and signals to its remote.

use metered_protocol::{PeerId, Signal, Value};

use super::ladder::Ladder;
use crate::Instant;
use crate::ids::{ConnectionId, OperationId, RemoteId};
use crate::output::{Command, Event, JsonText, Level, Operation, RemoteEvent, RemoteState};
use crate::signalling::Signalling;

/// The surroundings of one remote's negotiation, while something happens to it.
pub(crate) struct Actor<'a, V> {
    pub(super) now: Instant,
    pub(super) last_id: &'a mut u32,
    pub(super) remote: RemoteId,
    pub(super) peer_id: &'a PeerId,
    pub(super) connection: ConnectionId,
    pub(super) state: RemoteState,
    pub(super) answer_due: &'a mut Instant,
    pub(super) ladder: &'a mut Ladder,
    pub(super) link: &'a mut Signalling<V>,
}

impl<V: Value> Actor<'_, V> {
    /// Begins a step, or adds a candidate beside the steps.
    pub(crate) fn operate(&mut self, operation: Operation) -> OperationId {
        let op = OperationId::next(self.last_id);
        self.link.out.command(Command::Operate(self.connection, op, operation));
        op
    }

    /// Sends this to the remote. A description that `gathers` has in it what candidates of ours follow before it leaves.
    /// Not so one that may be taken back without them, as long as others were agreed on.
    pub(crate) fn send(&mut self, signal: Signal<JsonText>, gathers: bool) {
        self.link.send_signal(self.now, self.peer_id.clone(), signal, gathers);
    }

    /// Our offer waits for its answer, or the remote's for a candidate of ours: so many milliseconds at most.
    pub(crate) fn wait(&mut self, ms: u64) {
        *self.answer_due = self.now.after(ms);
    }

    /// No answer is due any more: it came, or another exchange has taken the offer's place.
    pub(crate) fn settled(&mut self) {
        *self.answer_due = Instant::NEVER;
        self.ladder.answered(self.now, self.state);
    }

    /// The offer that was sent is taken back: if it has not left yet, it shall not. `is_first` if nothing was agreed on
    /// before, so that no candidate of ours is of any use either.
    pub(crate) fn withdraw(&mut self, is_first: bool) {
        self.link.forget_offer(self.peer_id, is_first);
    }

    /// Lets the application hear of something.
    pub(crate) fn tell(&mut self, event: RemoteEvent<V>) {
        self.link.out.event(Event::Remote(self.remote, event));
    }

    pub(crate) fn log(&mut self, message: &'static str) {
        self.link.out.log(Level::Debug, message);
    }
}
