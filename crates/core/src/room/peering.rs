//! Each remote's negotiation, between the signals of the remote and the events of the connection.

use metered_protocol::{PeerId, Signal, TrackMeta, Value};

use super::Room;
use super::ladder::Due;
use crate::Instant;
use crate::ids::{ConnectionId, RemoteId};
use crate::input::ConnectionEvent;
use crate::negotiation::RemoteSignal;
use crate::output::{Event, JsonText, Level, RemoteEvent, RoomState};
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

    fn deliver(&mut self, now: Instant, at: usize, signal: Signal<V>, link: &mut Signalling<V>) {
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
            let (negotiation, mut actor) = remote.negotiation(now, &mut self.last_id, link);
            negotiation.received(signal, &mut actor);
            self.follow(now, at, link);
        }
    }

    /// What was sent to a remote may never have arrived.
    pub(super) fn signals_lost(&mut self, now: Instant, at: usize, link: &mut Signalling<V>) {
        if let Some(remote) = self.remotes.get_mut(at) {
            let (negotiation, mut actor) = remote.negotiation(now, &mut self.last_id, link);
            negotiation.signals_lost(&mut actor);
            self.follow(now, at, link);
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
        if let ConnectionEvent::State(state) = event {
            remote.connection_state(now, state, &mut link.out);
            return self.climb(now, at, link);
        }
        let (negotiation, mut actor) = remote.negotiation(now, &mut self.last_id, link);
        match event {
            ConnectionEvent::NegotiationNeeded => negotiation.negotiation_needed(&mut actor),
            ConnectionEvent::Candidate(candidate) => negotiation.gathered(candidate, &mut actor),
            ConnectionEvent::Done(op, result) => negotiation.finished(op, result, &mut actor),
            ConnectionEvent::State(_) => {}
        }
        self.follow(now, at, link);
    }

    pub(super) fn handle_remote_timeouts(&mut self, now: Instant, link: &mut Signalling<V>) {
        for at in 0..self.remotes.len() {
            if let Some(remote) = self.remotes.get_mut(at)
                && remote.answer_due.is_due(now)
            {
                remote.answer_due = Instant::NEVER;
                let (negotiation, mut actor) = remote.negotiation(now, &mut self.last_id, link);
                negotiation.answer_timed_out(&mut actor);
                self.follow(now, at, link);
            }
            self.climb(now, at, link);
        }
    }

    /// Brings a broken connection back. That takes signals, so it waits for the server, and for who is missing there.
    pub(super) fn climb(&mut self, now: Instant, at: usize, link: &mut Signalling<V>) {
        let is_joined = self.state == RoomState::Joined;
        let Some(remote) = self.remotes.get_mut(at).filter(|remote| is_joined && !remote.is_missing()) else {
            return;
        };
        match remote.ladder.poll(now) {
            Some(Due::Restart) => {
                let (negotiation, mut actor) = remote.negotiation(now, &mut self.last_id, link);
                negotiation.restart_ice(&mut actor);
            }
            Some(Due::Exhausted) => {
                remote.negotiation.cancel_restart();
                link.out.event(Event::Remote(remote.id, RemoteEvent::IceRestartExhausted));
            }
            Some(Due::Replace) => return self.replace(at, link),
            None => return,
        }
        self.follow(now, at, link);
    }

    /// After something happened to a negotiation: gives the remote another connection, if it takes that to go on.
    fn follow(&mut self, now: Instant, at: usize, link: &mut Signalling<V>) {
        let remote = self.remotes.get_mut(at);
        let Some(signals) = remote.and_then(|remote| remote.negotiation.take_replacement()) else {
            return;
        };
        self.replace(at, link);
        for signal in signals {
            self.negotiate(now, at, signal, link);
        }
    }
}
