//! One table for all timers of a machine.

use litemap::LiteMap;

use crate::Instant;

/// Deadlines by their reasons. `T` is the machine's enum of reasons; a reason has one deadline at a time.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T>(LiteMap<T, Instant>);

impl<T: Ord + Copy> Timers<T> {
    pub(crate) fn new() -> Self {
        Self(LiteMap::new())
    }

    /// Sets or moves a deadline.
    pub(crate) fn set(&mut self, timer: T, at: Instant) {
        self.0.insert(timer, at);
    }

    /// Clears a deadline, if it is set.
    pub(crate) fn stop(&mut self, timer: T) {
        self.0.remove(&timer);
    }

    /// Clears every deadline whose reason is not kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.0.retain(|timer, _| keep(timer));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes a deadline that has come: the earliest, and of equal ones the first by reason.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<T> {
        let (&timer, _) =
            self.0.iter().filter(|(_, at)| **at <= now).min_by_key(|(timer, at)| (**at, **timer))?;
        self.0.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
