//! How fast one connection may send, or one key may ask.

use super::UnixMillis;
use crate::Limits;

/// A bucket that fills at the sustained rate and holds a burst; each message takes one token.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    /// In thousandths of a token, so that a millisecond's share is a whole number.
    level: u64,
    capacity: u64,
    per_ms: u64,
    filled_at: UnixMillis,
}

const TOKEN: u64 = 1000;

impl TokenBucket {
    /// A full bucket for a connection's messages, or none if the rate is not limited.
    pub(super) fn for_messages(limits: &Limits, now: UnixMillis) -> Option<Self> {
        Self::full(limits.messages_per_second, limits.message_burst, now)
    }

    /// A full bucket for a key's requests, or none if their rate is not limited.
    pub(crate) fn for_requests(limits: &Limits, now: UnixMillis) -> Option<Self> {
        Self::full(limits.requests_per_second, limits.request_burst, now)
    }

    fn full(per_second: u32, burst: u32, now: UnixMillis) -> Option<Self> {
        // So many per second are as many thousandths per millisecond.
        let per_ms = u64::from(per_second);
        let capacity = u64::from(burst.max(1)) * TOKEN;
        (per_ms > 0).then_some(Self { level: capacity, capacity, per_ms, filled_at: now })
    }

    /// Takes a token if there is one. A clock that steps back fills nothing.
    pub(crate) fn take(&mut self, now: UnixMillis) -> bool {
        let elapsed = now.0.saturating_sub(self.filled_at.0);
        self.level = elapsed.saturating_mul(self.per_ms).saturating_add(self.level).min(self.capacity);
        self.filled_at = now;
        match self.level.checked_sub(TOKEN) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> TokenBucket {
        let limits = Limits { messages_per_second: 100, message_burst: 200, ..Limits::default() };
        TokenBucket::for_messages(&limits, UnixMillis(0)).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate_holds() {
        let mut bucket = bucket();
        assert_eq!((0..300).filter(|_| bucket.take(UnixMillis(0))).count(), 200);
        assert_eq!((0..300).filter(|_| bucket.take(UnixMillis(1000))).count(), 100);
        assert!(!bucket.take(UnixMillis(1009)));
        assert!(bucket.take(UnixMillis(1010)));
    }

    #[test]
    fn the_sustained_rate_can_be_kept_for_ever() {
        let mut bucket = bucket();
        assert!((0..10_000).all(|i| bucket.take(UnixMillis(i * 10))));
    }

    #[test]
    fn a_rest_never_saves_more_than_a_burst() {
        let mut bucket = bucket();
        assert_eq!((0..300).filter(|_| bucket.take(UnixMillis(u64::MAX))).count(), 200);
    }

    #[test]
    fn a_clock_that_steps_back_neither_fills_nor_locks_the_bucket() {
        let mut bucket = bucket();
        assert_eq!((0..200).filter(|_| bucket.take(UnixMillis(5000))).count(), 200);
        assert!(!bucket.take(UnixMillis(0)));
        assert!(bucket.take(UnixMillis(10)));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let limits = Limits { messages_per_second: 0, ..Limits::default() };
        assert!(TokenBucket::for_messages(&limits, UnixMillis(0)).is_none());
    }
}
