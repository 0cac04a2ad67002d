//! When silence is too long.
//!
//! A server that has nothing to say is probed by a keepalive after a third of the inactivity window, so that a
//! healthy connection is heard of at least twice per window; one that stays silent for the whole window is dead.
//! Frames only note the time they came: no timer is moved on the hot path.

use crate::Instant;
use crate::limits::MIN_KEEPALIVE_MS;

/// What to do about the connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Alive,
    Probe,
    Dead,
}

#[derive(Clone, Debug)]
pub(super) struct Liveness {
    timeout_ms: Option<u64>,
    heard: Instant,
    probed: Instant,
}

impl Liveness {
    pub(super) fn new(timeout_ms: Option<u64>) -> Self {
        Self { timeout_ms, heard: Instant::default(), probed: Instant::default() }
    }

    /// A connection begins. Answers when to check it, if ever.
    pub(super) fn start(&mut self, now: Instant) -> Option<Instant> {
        self.heard = now;
        self.probed = now;
        self.next_check()
    }

    /// Something came from the server.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When to check next: at the next keepalive or at the end of the window.
    pub(super) fn next_check(&self) -> Option<Instant> {
        let timeout = self.timeout_ms?;
        let probe = self.heard.max(self.probed).after((timeout / 3).max(MIN_KEEPALIVE_MS));
        Some(probe.min(self.heard.after(timeout)))
    }

    pub(super) fn check(&mut self, now: Instant) -> Verdict {
        let Some(timeout) = self.timeout_ms else { return Verdict::Alive };
        if now.since(self.heard) >= timeout {
            return Verdict::Dead;
        }
        if self.next_check().is_some_and(|at| at <= now) {
            self.probed = now;
            return Verdict::Probe;
        }
        Verdict::Alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_connection_is_probed_twice_and_then_dead() {
        let mut liveness = Liveness::new(Some(60_000));
        assert_eq!(liveness.start(Instant(0)), Some(Instant(20_000)));
        assert_eq!(liveness.check(Instant(19_999)), Verdict::Alive);
        assert_eq!(liveness.check(Instant(20_000)), Verdict::Probe);
        assert_eq!(liveness.next_check(), Some(Instant(40_000)));
        assert_eq!(liveness.check(Instant(40_000)), Verdict::Probe);
        assert_eq!(liveness.next_check(), Some(Instant(60_000)));
        assert_eq!(liveness.check(Instant(60_000)), Verdict::Dead);
    }

    #[test]
    fn traffic_takes_the_place_of_the_keepalive() {
        let mut liveness = Liveness::new(Some(60_000));
        liveness.start(Instant(0));
        liveness.heard(Instant(19_000));
        assert_eq!(liveness.check(Instant(20_000)), Verdict::Alive);
        assert_eq!(liveness.next_check(), Some(Instant(39_000)));
    }

    #[test]
    fn a_watchdog_that_is_off_checks_nothing() {
        let mut liveness = Liveness::new(None);
        assert_eq!(liveness.start(Instant(0)), None);
        assert_eq!(liveness.check(Instant(u64::MAX)), Verdict::Alive);
    }
}
