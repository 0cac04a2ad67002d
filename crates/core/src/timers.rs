//! One table for all timers of a connection to the server.

use crate::Instant;

/// The reasons for which the supervisor is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    TokenProvider,
    Welcome,
    Backoff,
    Liveness,
    Acks,
    Replay,
    Refresh,
    Pace,
}

const TIMERS: [Timer; 8] = [
    Timer::TokenProvider,
    Timer::Welcome,
    Timer::Backoff,
    Timer::Liveness,
    Timer::Acks,
    Timer::Replay,
    Timer::Refresh,
    Timer::Pace,
];

/// Deadlines by their reasons, in the order of [`TIMERS`]; a reason has one deadline at a time.
#[derive(Clone, Debug)]
pub(crate) struct Timers([Instant; TIMERS.len()]);

impl Timers {
    pub(crate) const fn new() -> Self {
        Self([Instant::NEVER; TIMERS.len()])
    }

    /// Sets or moves a deadline; to [`Instant::NEVER`], clears it.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(deadline) = self.0.get_mut(timer as usize) {
            *deadline = at;
        }
    }

    /// Clears a deadline, if it is set.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.set(timer, Instant::NEVER);
    }

    /// Clears every deadline.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Instant {
        self.0.into_iter().fold(Instant::NEVER, Instant::min)
    }

    /// Takes a deadline that has come: the earliest, and of equal ones the first by reason.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let next = self.next();
        if !next.is_due(now) {
            return None;
        }
        let (timer, deadline) = TIMERS.into_iter().zip(&mut self.0).find(|(_, at)| **at == next)?;
        *deadline = Instant::NEVER;
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_set_again_at_the_end_of_time_does_not_expire_for_ever() {
        let mut timers = Timers::new();
        let end = Instant(u64::MAX);
        timers.set(Timer::Acks, Instant(5));
        timers.set(Timer::Acks, end.after(1));
        assert_eq!((timers.next(), timers.expired(end)), (Instant::NEVER, None));
    }

    #[test]
    fn timers_expire_in_order_once_and_not_before_their_time() {
        let mut timers = Timers::new();
        timers.set(Timer::Welcome, Instant(20));
        timers.set(Timer::TokenProvider, Instant(30));
        timers.set(Timer::Backoff, Instant(20));
        timers.set(Timer::TokenProvider, Instant(10));
        timers.set(Timer::Liveness, Instant(10));
        timers.stop(Timer::Liveness);
        assert_eq!(timers.next(), Instant(10));
        assert_eq!(timers.expired(Instant(9)), None);
        assert_eq!(timers.expired(Instant(20)), Some(Timer::TokenProvider));
        assert_eq!(timers.expired(Instant(20)), Some(Timer::Welcome));
        assert_eq!(timers.expired(Instant(20)), Some(Timer::Backoff));
        assert_eq!(timers.expired(Instant::NEVER), None);
        assert_eq!(timers.next(), Instant::NEVER);
    }

    #[test]
    fn each_reason_has_its_own_place() {
        for (place, timer) in TIMERS.into_iter().enumerate() {
            assert_eq!(timer as usize, place);
        }
    }
}
