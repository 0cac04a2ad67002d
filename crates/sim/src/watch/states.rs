//! States follow each other as drawn, and every change says truly where it came from.

use crate::kernel::{Kernel, Who};

const RULE: &str = "states follow each other as drawn";

type Edge = (&'static str, &'static str);

const ROOM: &[Edge] = &[
    ("idle", "joining"),
    ("idle", "closed"),
    ("joining", "idle"),
    ("joining", "joined"),
    ("joining", "leaving"),
    ("joined", "reconnecting"),
    ("joined", "leaving"),
    ("joined", "closed"),
    ("reconnecting", "joined"),
    ("reconnecting", "leaving"),
    ("reconnecting", "closed"),
    ("leaving", "closed"),
];

const REMOTE: &[Edge] = &[
    ("idle", "connecting"),
    ("idle", "connected"),
    ("idle", "reconnecting"),
    ("idle", "closed"),
    ("connecting", "connected"),
    ("connecting", "reconnecting"),
    ("connecting", "closed"),
    ("connected", "reconnecting"),
    ("connected", "closed"),
    ("reconnecting", "connected"),
    ("reconnecting", "closed"),
];

const CLIENT: &[Edge] = &[
    ("idle", "connecting"),
    ("idle", "closed"),
    ("connecting", "connected"),
    ("connecting", "closed"),
    ("connected", "reconnecting"),
    ("connected", "closed"),
    ("reconnecting", "connected"),
    ("reconnecting", "closed"),
    ("closed", "connecting"),
];

/// One object's states.
#[derive(Clone, Debug)]
pub struct Chain {
    edges: &'static [Edge],
    last: &'static str,
}

impl Chain {
    /// A `SignallingClient`'s.
    pub fn client() -> Self {
        Self { edges: CLIENT, last: "idle" }
    }

    /// A `MeteredPeer`'s.
    pub fn room() -> Self {
        Self { edges: ROOM, last: "idle" }
    }

    /// A `RemotePeer`'s.
    pub fn remote() -> Self {
        Self { edges: REMOTE, last: "idle" }
    }

    /// A change was announced.
    pub fn changed(&mut self, kernel: &mut Kernel, who: Who, from: &'static str, to: &'static str) {
        if from != self.last {
            let what = format!("{who} says it was {from}, it was {}", self.last);
            kernel.violated(RULE, what);
        } else if !self.edges.contains(&(from, to)) {
            kernel.violated(RULE, format!("{who} went from {from} to {to}"));
        }
        self.last = to;
    }

    /// The state as a getter shows it.
    pub fn is_now(&self, kernel: &mut Kernel, who: Who, state: &'static str) {
        if state != self.last {
            let what = format!("{who} is {state}, but the last change was to {}", self.last);
            kernel.violated(RULE, what);
        }
    }

    /// The last state.
    pub fn last(&self) -> &'static str {
        self.last
    }
}
