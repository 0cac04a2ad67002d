//! One table for all timers of a machine.

use crate::Instant;

/// Deadlines by their reasons. `T` is the machine's enum of reasons; a reason has one deadline at a time.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T>(Vec<(T, Instant)>);

impl<T: Ord + Copy> Timers<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets or moves a deadline. At the end of time there is none: from there, nothing could be put off any more.
    pub(crate) fn set(&mut self, timer: T, at: Instant) {
        self.stop(timer);
        if at < Instant(u64::MAX) {
            self.0.push((timer, at));
        }
    }

    /// Clears a deadline, if it is set.
    pub(crate) fn stop(&mut self, timer: T) {
        self.0.retain(|entry| entry.0 != timer);
    }

    /// Clears every deadline.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|entry| entry.1).min()
    }

    /// Takes a deadline that has come: the earliest, and of equal ones the first by reason.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<T> {
        let due = self.0.iter().filter(|entry| entry.1 <= now);
        let (_, timer) = due.map(|&(timer, at)| (at, timer)).min()?;
        self.stop(timer);
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
        timers.set('a', Instant(5));
        timers.set('a', end.after(1));
        assert_eq!((timers.next(), timers.expired(end)), (None, None));
    }

    #[test]
    fn timers_expire_in_order_once_and_not_before_their_time() {
        let mut timers = Timers::new();
        timers.set('b', Instant(20));
        timers.set('a', Instant(30));
        timers.set('c', Instant(20));
        timers.set('a', Instant(10));
        timers.set('d', Instant(10));
        timers.stop('d');
        assert_eq!(timers.next(), Some(Instant(10)));
        assert_eq!(timers.expired(Instant(9)), None);
        assert_eq!(timers.expired(Instant(20)), Some('a'));
        assert_eq!(timers.expired(Instant(20)), Some('b'));
        assert_eq!(timers.expired(Instant(20)), Some('c'));
        assert_eq!(timers.expired(Instant(u64::MAX)), None);
        assert_eq!(timers.next(), None);
    }
}
