//! Attempts to reconnect come neither too early nor too late.

use metered_core::{Instant, Reconnect};
use metered_protocol::CloseCode;

use crate::kernel::{Kernel, Who};

const RULE: &str = "attempts keep to the backoff";

/// The next attempt, according to the documentation: the first delay multiplied again and again up to the longest one,
/// a share more or less, and not before 30 s after a 4010.
#[derive(Debug, Default)]
pub struct Backoff {
    reconnect: Option<Reconnect>,
    /// The first attempt of a join is nobody's retry.
    succeeded: bool,
    failures: u32,
    due: Option<Due>,
    /// The server wants no retry, or the application none.
    over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    from: Instant,
    low: Instant,
    high: Instant,
    /// The server asked for it.
    is_asked_for: bool,
}

impl Backoff {
    /// That of a client which comes back like this.
    pub fn new(reconnect: Option<Reconnect>) -> Self {
        Self { reconnect, ..Self::default() }
    }

    /// The application connects.
    pub fn begin(&mut self) {
        *self = Self::new(self.reconnect);
    }

    /// A welcome has come.
    pub fn welcomed(&mut self) {
        *self = Self { succeeded: true, ..Self::new(self.reconnect) };
    }

    /// The application gives up, or the server wants no retry.
    pub fn end(&mut self) {
        *self = Self { over: true, ..Self::new(self.reconnect) };
    }

    /// A connection or an attempt is lost.
    pub fn lost(&mut self, from: Instant, code: CloseCode) {
        if !self.succeeded {
            return;
        }
        self.failures += 1;
        let Some(reconnect) = self.reconnect.filter(|r| f64::from(self.failures) <= r.max_attempts) else {
            return self.end();
        };
        let Reconnect { initial_delay_ms, multiplier, max_delay_ms, jitter_ratio, .. } = reconnect;
        let delay = (1..self.failures.min(50)).fold(initial_delay_ms, |delay, _| delay * multiplier);
        let delay = delay.min(max_delay_ms);
        let is_asked_for = code == CloseCode::OVER_CONCURRENT_LIMIT;
        let floor = if is_asked_for { 30_000.0 } else { 0.0 };
        let low = (delay * (1.0 - jitter_ratio)).max(floor) as u64;
        let high = (delay.max(floor) * (1.0 + jitter_ratio)).ceil() as u64;
        // Fractions of a millisecond are nobody's business.
        let (low, high) = (from.after(low.saturating_sub(1)), from.after(high));
        self.due = Some(Due { from, low, high, is_asked_for });
    }

    /// There is reason to hope that the network is back: what is waited for is not waited for any longer, unless the
    /// server asked for it.
    pub fn hurried(&mut self, now: Instant, lateness: u64) {
        if let Some(due) = self.due.as_mut().filter(|due| !due.is_asked_for) {
            due.low = due.low.min(now);
            // An attempt that is under way may be the last that knows of its failure.
            if due.from.after(lateness) < now {
                due.high = due.high.min(now);
            }
        }
    }

    /// An attempt begins.
    pub fn attempt(&mut self, kernel: &mut Kernel, who: Who) {
        if self.over {
            kernel.violated(RULE, format!("{who} came back though it was told not to"));
        }
        if let Some(due) = self.due.take()
            && kernel.now < due.low
        {
            let early = due.low.since(kernel.now);
            kernel.violated(RULE, format!("{who} came back {early} ms too early ({self:?})"));
        }
    }

    /// The application is told whether another attempt will follow.
    pub fn told(&self, kernel: &mut Kernel, who: Who, will_reconnect: bool) {
        if will_reconnect == self.over {
            kernel.violated(RULE, format!("{who} says another attempt follows: {will_reconnect} ({self:?})"));
        }
    }

    /// The page has slept until now.
    pub fn slept(&mut self, now: Instant, ms: u64) {
        if let Some(due) = &mut self.due {
            (due.from, due.high) = (due.from.max(now), due.high.after(ms));
        }
    }

    /// Looks for an attempt that should have come.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who, lateness: u64) {
        if let Some(due) = self.due
            // A token that timed out was late once itself.
            && due.high.after(2 * lateness) < kernel.now
        {
            kernel.violated(RULE, format!("{who} does not come back ({self:?})"));
        }
    }
}
