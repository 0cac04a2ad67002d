//! What a drop of the signalling connection means to the room.
//!
//! The connections to the remotes do not need the server, so nothing happens to them until it is back. Then it depends
//! on what the others have seen of our absence:
//!
//! - The session was **resumed**: nothing. The roster stands, signals and changes of presence that were missed arrive
//!   now, and the room goes on.
//! - The server is another one, or the same after a restart, but we have **kept our identity**, and were not away for
//!   longer than it keeps a session: nobody was told that we left. A snapshot comes. A connection to somebody in it that
//!   was ever connected is left alone, since the other side has its end of it; who is not in it may be on the way back as
//!   we were, and gets the same time to appear. A connection that was still being made gets a successor.
//! - Otherwise the others have seen us **leave**, and have closed their side: every remote in the snapshot gets a new
//!   connection.
//!
//! A snapshot that does not come is asked for again, [`SNAPSHOT_REQUESTS`] times.

use metered_protocol::{CloseCode, Retry, Value, Welcome, write_number};

use super::Room;
use crate::Instant;
use crate::limits::{SNAPSHOT_REQUESTS, SNAPSHOT_TIMEOUT_MS};
use crate::output::{Command, Event, Level, RoomError, RoomEvent, RoomState};
use crate::signalling::{Origin, RoomRequest, Signalling};

/// The snapshot that a room waits for after a reconnect.
#[derive(Debug)]
pub(super) struct Snapshot {
    deadline: Instant,
    requests: u32,
    /// Until when remotes whose connections were made may be missing from it; [`Instant::NEVER`] if we have been seen to
    /// leave. If that is past, who is missing has had their time, and those who are there are kept nevertheless.
    pub(super) patience: Instant,
}

impl<V: Value> Room<V> {
    pub(super) fn handle_connected(&mut self, now: Instant, welcome: Welcome<V>, link: &mut Signalling<V>) {
        let is_known = self.local_id.as_ref() == Some(&welcome.peer_id);
        self.local_id = Some(welcome.peer_id);
        if !welcome.ice_servers.is_empty() {
            self.ice_servers = welcome.ice_servers.into();
            for remote in &mut self.remotes {
                remote.ladder.new_servers(now);
                link.out.command(Command::SetIceServers(remote.connection, self.ice_servers.clone()));
            }
        }
        if self.state != RoomState::Reconnecting {
            return;
        }
        // Who was seen to leave before a roster came, is not unseen by another return.
        let was_kept = self.snapshot.as_ref().is_none_or(|snapshot| snapshot.patience != Instant::NEVER);
        let deadline = now.after(SNAPSHOT_TIMEOUT_MS);
        if welcome.resumed {
            // That somebody has come back may be among what we missed.
            for remote in &mut self.remotes {
                remote.missing_until = remote.missing_until.max(deadline);
            }
            if let Some(snapshot) = &mut self.snapshot {
                let patience = snapshot.patience.max(deadline);
                *snapshot = Snapshot { deadline, requests: 0, patience };
            }
        } else {
            let patience = welcome
                .resume
                .filter(|resume| is_known && was_kept && now.since(self.dropped_at) < resume.grace_ms)
                .map_or(Instant::NEVER, |resume| now.after(resume.grace_ms));
            self.early.clear();
            self.snapshot_due = true;
            self.snapshot = Some(Snapshot { deadline, requests: 0, patience });
        }
        if !self.snapshot_due || self.remotes.is_empty() {
            self.reconciled(now, link);
        }
    }

    pub(super) fn handle_disconnected(
        &mut self,
        now: Instant,
        code: CloseCode,
        reason: String,
        will_reconnect: bool,
        link: &mut Signalling<V>,
    ) {
        match self.state {
            RoomState::Joined if will_reconnect => {
                self.dropped_at = now;
                self.transition(RoomState::Reconnecting, link);
            }
            RoomState::Reconnecting if will_reconnect => {
                // An attempt that failed, or a connection that did not last until its snapshot.
                if let Some(snapshot) =
                    self.snapshot.as_mut().filter(|snapshot| snapshot.deadline != Instant::NEVER)
                {
                    snapshot.deadline = Instant::NEVER;
                    self.dropped_at = now;
                }
            }
            RoomState::Joined | RoomState::Reconnecting => {
                if code.retry() == Retry::Never {
                    link.out.event(Event::Room(RoomEvent::Error(RoomError::Terminal(code))));
                }
                self.remove_all(link);
                self.reason = Some(if reason.is_empty() { closed_with(code) } else { reason });
                self.closed(link);
            }
            RoomState::Idle | RoomState::Joining | RoomState::Leaving | RoomState::Closed => {}
        }
    }

    /// The room is whole again.
    pub(super) fn reconciled(&mut self, now: Instant, link: &mut Signalling<V>) {
        self.snapshot = None;
        self.transition(RoomState::Joined, link);
        for at in 0..self.remotes.len() {
            if let Some(remote) = self.remotes.get_mut(at) {
                remote.ladder.hurry(now);
            }
            self.climb(now, at, link);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let mut next = self.snapshot.as_ref().map_or(Instant::NEVER, |snapshot| snapshot.deadline);
        for remote in &self.remotes {
            next = next.min(remote.answer_due);
            // Without the server nobody is missing, and ladders wait where `climb` does nothing.
            if self.state == RoomState::Joined {
                next =
                    next.min(if remote.is_missing() { remote.missing_until } else { remote.ladder.next() });
            }
        }
        next
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, link: &mut Signalling<V>) {
        self.handle_remote_timeouts(now, link);
        while self.state == RoomState::Joined
            && let Some(at) = self.remotes.iter().position(|remote| remote.missing_until.is_due(now))
        {
            self.remove(at, link);
        }
        if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.deadline.is_due(now)) {
            self.ask_again(now, link);
        }
    }

    fn ask_again(&mut self, now: Instant, link: &mut Signalling<V>) {
        let (Some(snapshot), Some(channel)) = (&mut self.snapshot, &self.channel) else { return };
        if snapshot.requests < SNAPSHOT_REQUESTS {
            snapshot.requests += 1;
            snapshot.deadline = now.after(SNAPSHOT_TIMEOUT_MS);
            link.out.log(Level::Warn, "no roster after a reconnect: subscribing again");
            let origin = Origin::Room(RoomRequest::Unwatched);
            link.subscribe(now, origin, channel.clone(), self.include_sender_metadata);
        } else {
            snapshot.deadline = Instant::NEVER;
            link.out.event(Event::Room(RoomEvent::Error(RoomError::ReconcileTimeout)));
        }
    }
}

/// A reason for a close that came without one.
fn closed_with(code: CloseCode) -> String {
    let mut reason = String::from("disconnected (code ");
    write_number(&mut reason, u64::from(code.0));
    reason.push(')');
    reason
}
