//! A connection is left for its silence when that has lasted, and not before the server was asked.

use metered_core::{Instant, limits};

use crate::kernel::{Kernel, Who};

const TOO_SOON: &str = "a connection that answers is not left";
const TOO_LATE: &str = "a connection that is dead is left";

/// The present connection. Time in which the page slept does not count for how long it may be kept.
#[derive(Debug)]
pub struct Silence {
    window: Option<u64>,
    lateness: u64,
    /// How long the page has slept.
    slept: u64,
    woke: Option<Instant>,
    link: Option<Link>,
}

#[derive(Debug)]
struct Link {
    heard: u64,
    /// The first ping after that.
    asked: Option<Instant>,
    /// There was reason to doubt the link: until when it must be heard of.
    doubt: Option<u64>,
}

impl Silence {
    /// A client with an inactivity timeout, or none.
    pub fn new(window: Option<u64>, lateness: u64) -> Self {
        Self { window, lateness, slept: 0, woke: None, link: None }
    }

    /// A frame has come on the present connection; the first is its welcome.
    pub fn heard(&mut self, now: Instant) {
        self.link = Some(Link { heard: self.awake(now), asked: None, doubt: None });
    }

    /// A ping has left.
    pub fn asked(&mut self, kernel: &mut Kernel) {
        let now = kernel.now;
        if self.woke == Some(now) {
            kernel.saw("sleep that ended in a question");
        }
        if let Some(link) = &mut self.link {
            link.asked.get_or_insert(now);
        }
    }

    /// The page is back, or its network.
    pub fn doubted(&mut self, now: Instant) {
        let at = self.awake(now);
        if let (Some(link), Some(window)) = (&mut self.link, self.window) {
            link.doubt.get_or_insert(at + window.min(limits::PROBE_TIMEOUT_MS));
        }
    }

    /// The connection is over.
    pub fn over(&mut self) {
        self.link = None;
    }

    /// The page has slept until now.
    pub fn slept(&mut self, now: Instant, ms: u64) {
        self.slept += ms;
        self.woke = Some(now);
        let at = self.awake(now);
        let Some(link) = &mut self.link else { return };
        let had = |asked: Instant| now.since(asked).saturating_sub(ms);
        // Who had no time to answer before is to be asked again. A client knows of its sleep by timers that are late.
        if ms >= limits::LATE_MS + limits::PROBE_TIMEOUT_MS {
            link.asked = link.asked.filter(|asked| had(*asked) >= limits::PROBE_TIMEOUT_MS);
        }
        link.doubt = link.doubt.map(|_| at + limits::PROBE_TIMEOUT_MS);
    }

    /// The core leaves the connection.
    pub fn left(&mut self, kernel: &mut Kernel, who: Who) {
        let (Some(link), Some(window)) = (self.link.take(), self.window) else { return };
        if link.doubt.is_some() {
            kernel.saw("left after a doubt");
        }
        // The first keepalive leaves after a third of the window; it may be late, and so may be the last look.
        let lateness = 2 * self.lateness + limits::LATE_MS;
        let asks_after = (window / 3).max(limits::MIN_KEEPALIVE_MS) + lateness;
        let patience = limits::PROBE_TIMEOUT_MS.min(window.saturating_sub(asks_after));
        if link.asked.is_none_or(|asked| kernel.now.since(asked) < patience) {
            kernel.violated(TOO_SOON, format!("{who} leaves {link:?}"));
        }
    }

    /// Looks for a connection that should have been left.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who) {
        let (now, Some(link), Some(window)) = (self.awake(kernel.now), &self.link, self.window) else {
            return;
        };
        // Who wakes up has time for an answer, however long there was none before.
        let woke = self.woke.map_or(0, |at| self.awake(at));
        let end = (link.heard + window).max(woke) + limits::PROBE_TIMEOUT_MS + self.lateness;
        if link.doubt.unwrap_or(end).min(end) + self.lateness < now {
            kernel.violated(TOO_LATE, format!("{who} keeps, at {now}, {link:?}"));
        }
    }

    fn awake(&self, now: Instant) -> u64 {
        now.0 - self.slept
    }
}
