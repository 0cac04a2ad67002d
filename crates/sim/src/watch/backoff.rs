//! Attempts to reconnect come neither too early nor too late.

use metered_core::Instant;
use metered_protocol::CloseCode;

use crate::kernel::{Kernel, Who};

const RULE: &str = "attempts keep to the backoff";

/// The next attempt, according to the documentation: 500 ms doubled up to 30 s, a fifth more or less, and not
/// before 30 s after a 4010.
#[derive(Debug, Default)]
pub struct Backoff {
    /// The first attempt of a join is nobody's retry.
    succeeded: bool,
    failures: u32,
    due: Option<(Instant, Instant)>,
    /// The server wants no retry, or the application none.
    over: bool,
}

impl Backoff {
    /// The application connects.
    pub fn begin(&mut self) {
        *self = Self::default();
    }

    /// A welcome has come.
    pub fn welcomed(&mut self) {
        *self = Self { succeeded: true, ..Self::default() };
    }

    /// The application gives up, or the server wants no retry.
    pub fn end(&mut self) {
        *self = Self { over: true, ..Self::default() };
    }

    /// A connection or an attempt is lost.
    pub fn lost(&mut self, now: Instant, code: CloseCode) {
        if !self.succeeded {
            return;
        }
        self.failures += 1;
        let delay = (0..self.failures.min(8)).skip(1).fold(500, |delay, _| delay * 2).min(30_000);
        let (mut low, mut high) = (delay * 4 / 5, delay * 6 / 5);
        if code == CloseCode::OVER_CONCURRENT_LIMIT {
            (low, high) = (30_000, 36_000);
        }
        self.due = Some((now.after(low), now.after(high)));
    }

    /// An attempt begins.
    pub fn attempt(&mut self, kernel: &mut Kernel, who: Who) {
        if self.over {
            kernel.violated(RULE, format!("{who} came back though it was told not to"));
        }
        if let Some((low, _)) = self.due.take()
            && kernel.now < low
        {
            let early = low.since(kernel.now);
            kernel.violated(RULE, format!("{who} came back {early} ms too early ({self:?})"));
        }
    }

    /// Looks for an attempt that should have come.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who, lateness: u64) {
        if let Some((_, high)) = self.due
            // A token that timed out was late once itself.
            && high.after(2 * lateness) < kernel.now
        {
            kernel.violated(RULE, format!("{who} does not come back ({self:?})"));
        }
    }
}
