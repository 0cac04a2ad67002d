//! When silence is too long.
//!
//! A server that has nothing to say is probed by a keepalive after a third of the inactivity window, so that a
//! healthy connection is heard of at least twice per window; one that stays silent for the whole window is dead.
//! Frames only note the time they came: no timer is moved on the hot path, but by the frame that ends a doubt.
//!
//! That rests on timers that ring when they should, which they do not in a background tab and not in a machine that
//! slept. So nobody is declared dead by the first check that comes late: the server is asked, and has a short while to
//! answer. The same question is put whenever there is reason to doubt the link.

use crate::Instant;
use crate::limits::{LATE_MS, MIN_KEEPALIVE_MS, PROBE_TIMEOUT_MS};

/// What to do about the connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Alive,
    Probe,
    Dead,
}

#[derive(Clone, Debug)]
pub(super) struct Liveness {
    /// The inactivity window; the largest number where nothing is watched.
    timeout_ms: u64,
    heard: Instant,
    probed: Instant,
    /// Until when something must have been heard after a doubt.
    deadline: Instant,
    /// A check came late since something was heard.
    was_late: bool,
}

impl Liveness {
    pub(super) fn new(timeout_ms: Option<u64>) -> Self {
        Self {
            timeout_ms: timeout_ms.unwrap_or(u64::MAX),
            heard: Instant::default(),
            probed: Instant::default(),
            deadline: Instant::NEVER,
            was_late: false,
        }
    }

    /// A connection begins.
    pub(super) fn start(&mut self, now: Instant) {
        self.heard(now);
        self.probed = now;
    }

    /// Something came from the server. Answers whether that ends a doubt: then the next check is another.
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.was_late = false;
        std::mem::replace(&mut self.deadline, Instant::NEVER) != Instant::NEVER
    }

    /// There is reason to doubt the connection. Answers whether to probe it now.
    pub(super) fn doubt(&mut self, now: Instant) -> bool {
        let deadline = now.after(PROBE_TIMEOUT_MS.min(self.timeout_ms));
        if self.timeout_ms == u64::MAX || self.deadline <= deadline {
            return false;
        }
        self.probed = now;
        self.deadline = deadline;
        true
    }

    /// When to check next: at the end of a doubt, at the next keepalive or at the end of the window.
    pub(super) fn next_check(&self) -> Instant {
        if self.timeout_ms == u64::MAX {
            Instant::NEVER
        } else if self.deadline != Instant::NEVER {
            self.deadline
        } else {
            let pause = (self.timeout_ms / 3).max(MIN_KEEPALIVE_MS);
            self.heard.max(self.probed).after(pause).min(self.heard.after(self.timeout_ms))
        }
    }

    pub(super) fn check(&mut self, now: Instant) -> Verdict {
        let due = self.next_check();
        if !due.is_due(now) {
            return Verdict::Alive;
        }
        let is_doubted = self.deadline != Instant::NEVER;
        if now.since(due) >= LATE_MS && !std::mem::replace(&mut self.was_late, true) {
            // What comes late has waited, and the server shall not have less time for that; nor is it to have less than
            // the window, if nobody doubted the link.
            let window = if is_doubted { now } else { self.heard.after(self.timeout_ms) };
            self.deadline = now.after(PROBE_TIMEOUT_MS.min(self.timeout_ms)).max(window);
        } else if is_doubted || now.since(self.heard) >= self.timeout_ms {
            return Verdict::Dead;
        }
        self.probed = now;
        Verdict::Probe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_connection_is_probed_twice_and_then_dead() {
        let mut liveness = Liveness::new(Some(60_000));
        liveness.start(Instant(0));
        assert_eq!(liveness.next_check(), Instant(20_000));
        assert_eq!(liveness.check(Instant(19_999)), Verdict::Alive);
        assert_eq!(liveness.check(Instant(20_000)), Verdict::Probe);
        assert_eq!(liveness.next_check(), Instant(40_000));
        assert_eq!(liveness.check(Instant(40_000)), Verdict::Probe);
        assert_eq!(liveness.next_check(), Instant(60_000));
        assert_eq!(liveness.check(Instant(60_000)), Verdict::Dead);
    }

    #[test]
    fn traffic_takes_the_place_of_the_keepalive() {
        let mut liveness = Liveness::new(Some(60_000));
        liveness.start(Instant(0));
        liveness.heard(Instant(19_000));
        assert_eq!(liveness.check(Instant(20_000)), Verdict::Alive);
        assert_eq!(liveness.next_check(), Instant(39_000));
    }

    #[test]
    fn a_check_that_comes_late_asks_before_it_judges() {
        let mut liveness = Liveness::new(Some(60_000));
        liveness.start(Instant(0));
        assert_eq!(liveness.check(Instant(600_000)), Verdict::Probe);
        assert_eq!(liveness.next_check(), Instant(605_000));
        assert_eq!(liveness.check(Instant(604_999)), Verdict::Alive);
        assert_eq!(liveness.clone().check(Instant(605_000)), Verdict::Dead);
        liveness.heard(Instant(604_000));
        assert_eq!(liveness.check(Instant(605_000)), Verdict::Alive);
        assert_eq!(liveness.next_check(), Instant(624_000));
    }

    #[test]
    fn a_doubt_is_settled_by_the_next_frame_or_a_short_deadline() {
        let mut liveness = Liveness::new(Some(60_000));
        liveness.start(Instant(0));
        assert!(liveness.doubt(Instant(10_000)));
        assert!(!liveness.doubt(Instant(11_000)), "one question at a time");
        assert_eq!(liveness.next_check(), Instant(15_000));
        assert_eq!(liveness.clone().check(Instant(15_000)), Verdict::Dead);
        liveness.heard(Instant(12_000));
        assert_eq!(liveness.check(Instant(15_000)), Verdict::Alive);
        assert!(!Liveness::new(None).doubt(Instant(0)), "a watchdog that is off doubts nothing");
    }

    #[test]
    fn a_watchdog_that_is_off_checks_nothing() {
        let mut liveness = Liveness::new(None);
        liveness.start(Instant(0));
        assert_eq!(liveness.next_check(), Instant::NEVER);
        assert_eq!(liveness.check(Instant(u64::MAX)), Verdict::Alive);
    }
}
