//! Each remote's negotiation, between the signals of the remote and the events of the connection.

use metered_protocol::{PeerId, Signal, TrackMeta, Value};

use super::Room;
use super::ladder::Due;
use crate::Instant;
use crate::ids::{ConnectionId, RemoteId};
use crate::input::ConnectionEvent;
use crate::limits::{ANSWER_TIMEOUT_MS, CANDIDATE_TIMEOUT_MS};
use crate::negotiation::{Action, RemoteSignal};
use crate::output::{Command, Event, JsonText, Level, RemoteEvent, RoomState};
use crate::signalling::Signalling;

impl<V: Value> Room<V> {
    pub(super) fn handle_signal(
        &mut self,
        now: Instant,
        from: PeerId,
        signal: Signal<V>,
        link: &mut Signalling<V>,
    ) {
        if self.local_id.as_ref() == Some(&from) {
            return;
        }
        match self.find(&from) {
            Ok(at) if !self.snapshot_due => self.deliver(now, at, signal, link),
            _ => {
                if !self.early.push(from, signal) {
                    link.out.log(Level::Debug, "dropped a signal of an absent peer");
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, now: Instant, at: usize, signal: Signal<V>, link: &mut Signalling<V>) {
        let signal = match signal {
            Signal::Description(description) => RemoteSignal::Description(description),
            Signal::Candidate(candidate) => RemoteSignal::Candidate(candidate),
            Signal::TrackMeta(meta) => {
                if let Some(remote) = self.remotes.get(at) {
                    link.out.event(Event::Remote(remote.id, RemoteEvent::TrackMeta(meta)));
                }
                return;
            }
        };
        self.negotiate(now, at, signal, link);
    }

    fn negotiate(&mut self, now: Instant, at: usize, signal: RemoteSignal, link: &mut Signalling<V>) {
        if let Some(remote) = self.remotes.get_mut(at) {
            remote.negotiation.received(signal, &mut self.last_id);
            self.act(now, at, link);
        }
    }

    /// Tells a remote about a track, ahead of every description that is made from now on.
    pub(crate) fn describe_track(
        &self,
        now: Instant,
        remote: RemoteId,
        meta: TrackMeta<JsonText>,
        link: &mut Signalling<V>,
    ) {
        if let Some(remote) = self.remotes.iter().find(|other| other.id == remote) {
            link.send_signal(now, remote.peer_id.clone(), Signal::TrackMeta(meta), false);
        }
    }

    pub(crate) fn handle_connection(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        event: ConnectionEvent<V>,
        link: &mut Signalling<V>,
    ) {
        let Some(at) = self.remotes.iter().position(|remote| remote.connection == connection) else { return };
        let Some(remote) = self.remotes.get_mut(at) else { return };
        match event {
            ConnectionEvent::NegotiationNeeded => remote.negotiation.negotiation_needed(&mut self.last_id),
            ConnectionEvent::Candidate(candidate) => {
                remote.negotiation.gathered(candidate, &mut self.last_id)
            }
            ConnectionEvent::Done(op, result) => remote.negotiation.finished(op, result, &mut self.last_id),
            ConnectionEvent::State(state) => {
                remote.connection_state(now, state, &mut link.out);
                self.climb(now, at, link);
            }
        }
        self.act(now, at, link);
    }

    pub(super) fn handle_remote_timeouts(&mut self, now: Instant, link: &mut Signalling<V>) {
        for at in 0..self.remotes.len() {
            if let Some(remote) = self.remotes.get_mut(at)
                && remote.answer_due.is_due(now)
            {
                remote.answer_due = Instant::NEVER;
                remote.negotiation.answer_timed_out(&mut self.last_id);
                self.act(now, at, link);
            }
            self.climb(now, at, link);
        }
    }

    /// Brings a broken connection back. That takes signals, so it waits for the server, and for who is missing there.
    pub(super) fn climb(&mut self, now: Instant, at: usize, link: &mut Signalling<V>) {
        let is_joined = self.state == RoomState::Joined;
        let Some(remote) =
            self.remotes.get_mut(at).filter(|remote| is_joined && remote.missing_until.is_none())
        else {
            return;
        };
        match remote.ladder.poll(now) {
            Some(Due::Restart) => remote.negotiation.restart_ice(&mut self.last_id),
            Some(Due::Exhausted) => {
                remote.negotiation.cancel_restart();
                link.out.event(Event::Remote(remote.id, RemoteEvent::IceRestartExhausted));
            }
            Some(Due::Replace) => return self.replace(at, link),
            None => return,
        }
        self.act(now, at, link);
    }

    /// Carries out what a negotiation decided.
    pub(super) fn act(&mut self, now: Instant, at: usize, link: &mut Signalling<V>) {
        let Some(remote) = self.remotes.get_mut(at) else { return };
        for action in remote.negotiation.take_actions() {
            match action {
                Action::Operate(op, operation) => {
                    link.out.command(Command::Operate(remote.connection, op, operation));
                }
                Action::Send(signal) => link.send_signal(now, remote.peer_id.clone(), signal, false),
                Action::SendGathering(description) => {
                    let signal = Signal::Description(description);
                    link.send_signal(now, remote.peer_id.clone(), signal, true);
                }
                Action::Withdrawn(is_first) => link.forget_offer(&remote.peer_id, is_first),
                Action::AwaitAnswer => remote.answer_due = now.after(ANSWER_TIMEOUT_MS),
                Action::AwaitCandidate => remote.answer_due = now.after(CANDIDATE_TIMEOUT_MS),
                Action::AnswerSettled => {
                    remote.answer_due = Instant::NEVER;
                    remote.ladder.answered(now, remote.state());
                }
                Action::NegotiationError(error) => {
                    link.out.event(Event::Remote(remote.id, RemoteEvent::NegotiationError(error)));
                }
                Action::CandidateError(error) => {
                    link.out.event(Event::Remote(remote.id, RemoteEvent::IceCandidateError(error)));
                }
                Action::Log(level, message) => link.out.log(level, message),
                Action::Replace(mut signals) => {
                    // The last action of its negotiation.
                    self.replace(at, link);
                    while let Some(signal) = signals.pop() {
                        self.negotiate(now, at, signal, link);
                    }
                    return;
                }
            }
        }
    }
}
