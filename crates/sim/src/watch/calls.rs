//! Every call settles exactly once, in time.

use std::collections::BTreeMap;

use metered_core::{CallError, CallId, Instant, limits};
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};

const RULE: &str = "every call settles exactly once, in time";

/// The calls that wait.
#[derive(Debug, Default)]
pub struct Calls(BTreeMap<CallId, Waiting>);

#[derive(Debug)]
struct Waiting {
    method: &'static str,
    since: Instant,
    /// How long the page has slept meanwhile.
    slept: u64,
}

/// How a call ends.
type Ending = Result<(), CallError<Json>>;

impl Waiting {
    /// Where the method must have ended.
    fn deadline(&self, lateness: u64) -> Instant {
        let ms = match self.method {
            // A token, a welcome, an ack.
            "join" | "connect" => 10_000 + limits::WELCOME_TIMEOUT_MS + limits::ACK_TIMEOUT_MS + 2 * lateness,
            "close" => limits::CLOSE_FLUSH_MS,
            _ => limits::ACK_TIMEOUT_MS,
        };
        self.since.after(ms + lateness + self.slept)
    }
}

impl Calls {
    /// A method was called.
    pub fn called(&mut self, now: Instant, call: CallId, method: &'static str) {
        self.0.insert(call, Waiting { method, since: now, slept: 0 });
    }

    /// A call has settled. Answers the method.
    pub fn settled(&mut self, kernel: &mut Kernel, who: Who, call: CallId, result: &Ending) -> &'static str {
        match self.0.remove(&call) {
            Some(waiting) => {
                let is_patient = kernel.now >= waiting.since.after(limits::ACK_TIMEOUT_MS);
                if matches!(result, Err(CallError::AckTimeout { .. })) && !is_patient {
                    let what = format!("{who} {}() waited from {:?} only", waiting.method, waiting.since);
                    kernel.violated(RULE, what);
                }
                waiting.method
            }
            None => {
                kernel.violated(RULE, format!("{who} call {} settled without waiting", call.0));
                ""
            }
        }
    }

    /// Looks for calls that should have settled.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who, lateness: u64) {
        for (call, waiting) in &self.0 {
            if waiting.deadline(lateness) < kernel.now {
                let what = format!("{who} {}() still waits (call {})", waiting.method, call.0);
                kernel.violated(RULE, what);
            }
        }
    }

    /// The page has slept.
    pub fn slept(&mut self, ms: u64) {
        self.0.values_mut().for_each(|waiting| waiting.slept += ms);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
