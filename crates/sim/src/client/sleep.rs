//! A page that sleeps: a laptop with its lid down, a tab that the browser has frozen.
//!
//! Nothing is handed in meanwhile. When it wakes up, all that has come is handed in at once: what the sockets and the
//! token provider have brought in the order in which it came, timers before that or after it.

use metered_core::Instant;

use super::{Client, Outside};
use crate::kernel::Event;

/// Pauses between two sleeps: as long as it takes to find out what the first has done.
const PAUSE_MS: u64 = 10_000;

/// Whether a page sleeps, and what has happened since.
#[derive(Debug, Default)]
pub struct Sleep {
    since: Option<Instant>,
    not_before: Instant,
    events: Vec<Event>,
}

impl Sleep {
    /// Whether the page sleeps.
    pub fn is_deep(&self) -> bool {
        self.since.is_some()
    }

    /// Keeps what happens for later.
    pub fn defer(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl Client {
    /// The page falls asleep, for so long at most.
    pub fn fall_asleep(&mut self, out: &mut Outside, ms: u64) {
        let now = out.kernel.now;
        let ms = ms.min(out.plan.quiet_at.saturating_sub(now.0));
        if self.sleep.is_deep() || now < self.sleep.not_before || ms == 0 {
            return;
        }
        out.kernel.note(format_args!("{} sleeps", self.who));
        out.kernel.saw("sleep");
        self.sleep.since = Some(now);
        out.kernel.after(ms, Event::Awake(self.who));
    }

    /// The page wakes up. Answers what it has missed.
    pub fn wake_up(&mut self, out: &mut Outside) -> Vec<Event> {
        let now = out.kernel.now;
        let Some(since) = self.sleep.since.take() else { return Vec::new() };
        self.sleep.not_before = now.after(PAUSE_MS);
        self.watch.slept(now, now.since(since));
        out.kernel.note(format_args!("{} wakes up", self.who));
        let (timers, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sleep.events)
            .into_iter()
            .partition(|event| matches!(event, Event::Wake(..)));
        let timers_first = out.kernel.dice.percent(50);
        // A token that has come in time is not to be told that it is too late.
        let mut has_token = false;
        if let Some(fetch) = &mut self.fetching {
            fetch.slept = true;
            has_token = now.since(fetch.at) >= 10_000;
        }
        let [first, second] = if timers_first && !has_token { [timers, others] } else { [others, timers] };
        first.into_iter().chain(second).collect()
    }
}
