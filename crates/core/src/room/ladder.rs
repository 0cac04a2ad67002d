//! When to restart ICE after a connection failed.
//!
//! A connection that does not connect in time ([`CONNECT_TIMEOUT_MS`]) counts as failed: candidates may have been lost.
//!
//! A failed connection is not thrown away: ICE is restarted on it, at once and then after growing pauses
//! ([`ICE_RESTART_DELAYS_MS`]). An attempt ends well when the connection is connected; it has failed when the connection
//! fails again, when no answer comes, or when nothing happens after the answer. After the last one the application is
//! told, once; from there on the remote has to move.
//!
//! A connection that the other side has closed does not come back by any of that: it is replaced. First it waits for
//! [`CLOSED_CONNECTION_MS`], because most who close a connection are leaving, which is told on another way, and the
//! others may have an offer for us.

use crate::Instant;
use crate::limits::{
    CLOSED_CONNECTION_MS, CONNECT_TIMEOUT_MS, ICE_RESTART_DELAYS_MS, ICE_RESTART_TIMEOUT_MS,
};
use crate::output::RemoteState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing has failed.
    Idle,
    /// The connection is being made, and has until [`Ladder::due`].
    Connecting,
    /// The next attempt begins then.
    Pausing,
    /// An attempt is under way, and has until then.
    Trying,
    /// The other side has closed the connection, which is replaced then.
    Closed,
    Exhausted,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Restart ICE.
    Restart,
    /// Replace the connection.
    Replace,
    /// Tell the application that there is no use in it.
    Exhausted,
}

#[derive(Clone, Debug)]
pub(super) struct Ladder {
    step: Step,
    due: Instant,
    attempts: usize,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { step: Step::Idle, due: Instant::NEVER, attempts: 0 }
    }
}

impl Ladder {
    /// The connection failed, or an attempt did.
    pub(super) fn failed(&mut self, now: Instant) {
        if matches!(self.step, Step::Idle | Step::Connecting | Step::Trying) {
            let delay = ICE_RESTART_DELAYS_MS.get(self.attempts).copied().unwrap_or_default();
            self.go_to(Step::Pausing, now.after(delay));
        }
    }

    /// The other side has closed the connection.
    pub(super) fn closed(&mut self, now: Instant) {
        if self.step != Step::Closed {
            self.go_to(Step::Closed, now.after(CLOSED_CONNECTION_MS));
        }
    }

    /// The connection is connected.
    pub(super) fn recovered(&mut self) {
        *self = Self::default();
    }

    /// The two sides have agreed anew, by our attempt or by theirs: now the connection has to connect.
    pub(super) fn answered(&mut self, now: Instant, state: RemoteState) {
        if self.is_climbing() {
            self.go_to(Step::Trying, now.after(ICE_RESTART_TIMEOUT_MS));
        } else if self.step == Step::Idle && state != RemoteState::Connected {
            self.go_to(Step::Connecting, now.after(CONNECT_TIMEOUT_MS));
        }
    }

    /// Signals can be sent again: whatever waits or was tried meanwhile, begins now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.is_climbing() {
            self.go_to(Step::Pausing, now);
        }
    }

    /// There are new ICE servers: a connection that does not connect, or was given up, may have needed just them.
    pub(super) fn new_servers(&mut self, now: Instant) {
        if matches!(self.step, Step::Connecting | Step::Exhausted) {
            *self = Self { step: Step::Pausing, due: now, attempts: 0 };
        }
    }

    fn is_climbing(&self) -> bool {
        matches!(self.step, Step::Pausing | Step::Trying)
    }

    fn go_to(&mut self, step: Step, due: Instant) {
        (self.step, self.due) = (step, due);
    }

    /// When something is due.
    pub(super) fn next(&self) -> Instant {
        self.due
    }

    /// What is due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Due> {
        if self.due.is_due(now) {
            // Does nothing where only a pause is over.
            self.failed(now);
        }
        if !self.due.is_due(now) {
            return None;
        }
        if self.step == Step::Closed {
            return Some(Due::Replace);
        }
        if self.attempts == ICE_RESTART_DELAYS_MS.len() {
            self.go_to(Step::Exhausted, Instant::NEVER);
            return Some(Due::Exhausted);
        }
        self.attempts += 1;
        self.go_to(Step::Trying, now.after(ICE_RESTART_TIMEOUT_MS));
        Some(Due::Restart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets every attempt fail by itself. Answers when each thing was due.
    fn climb(ladder: &mut Ladder) -> Vec<(u64, Due)> {
        let mut done = Vec::new();
        while ladder.next() != Instant::NEVER {
            let at = ladder.next();
            done.extend(ladder.poll(at).map(|due| (at.0 / 1000, due)));
        }
        done
    }

    #[test]
    fn attempts_that_nobody_answers_come_after_growing_pauses_and_end() {
        let mut ladder = Ladder::default();
        ladder.failed(Instant(0));
        let done = climb(&mut ladder);
        let times: Vec<_> = done.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 16, 33, 52, 75, 106, 151, 196, 241, 256]);
        assert_eq!(done.iter().filter(|(_, due)| *due == Due::Exhausted).count(), 1);
        ladder.failed(Instant(300_000));
        assert_eq!(ladder.next(), Instant::NEVER, "the application is told once");
    }

    #[test]
    fn an_answer_gives_the_attempt_its_time_to_connect() {
        let mut ladder = Ladder::default();
        ladder.failed(Instant(0));
        assert_eq!(ladder.poll(Instant(0)), Some(Due::Restart));
        ladder.answered(Instant(14_000), RemoteState::Reconnecting);
        assert_eq!(ladder.next(), Instant(29_000));
        ladder.failed(Instant(20_000));
        assert_eq!(ladder.next(), Instant(21_000), "a connection that fails again does not wait for that");
    }

    #[test]
    fn a_connection_that_recovers_has_all_its_attempts_again() {
        let mut ladder = Ladder::default();
        ladder.failed(Instant(0));
        climb(&mut ladder);
        ladder.recovered();
        ladder.failed(Instant(1_000_000));
        assert_eq!(ladder.poll(Instant(1_000_000)), Some(Due::Restart));
    }
}
