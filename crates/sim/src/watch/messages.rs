//! A message that reaches a client from a peer of its room surfaces once, at once, and nothing else does.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};

const RULE: &str = "a message surfaces exactly once";

/// The messages of one client.
#[derive(Debug, Default)]
pub struct Messages {
    expected: Option<String>,
    /// It may surface, or not.
    possible: Option<String>,
    seen: BTreeSet<String>,
}

impl Messages {
    /// A frame with a message is about to be handed in.
    pub fn arriving(&mut self, frame: &Json, surfaces: Option<bool>) {
        let data = Some(text(&frame["data"]));
        (self.expected, self.possible) = match surfaces {
            Some(true) => (data, None),
            Some(false) => (None, None),
            None => (None, data),
        };
    }

    /// The application was told of a message.
    pub fn surfaced(&mut self, kernel: &mut Kernel, who: Who, data: &Json) {
        let data = text(data);
        if self.expected.take().or(self.possible.take()).as_ref() != Some(&data) {
            kernel.violated(RULE, format!("{who} got {data}, which was not for it now"));
        }
        if !self.seen.insert(data.clone()) {
            kernel.violated(RULE, format!("{who} got {data} twice"));
        }
    }

    /// The input has been handled.
    pub fn settled(&mut self, kernel: &mut Kernel, who: Who, is_listening: bool) {
        if let Some(data) = self.expected.take()
            && is_listening
        {
            kernel.violated(RULE, format!("{who} lost {data}"));
        }
    }

    /// Whether a message has come.
    pub fn has_seen(&self, data: &Json) -> bool {
        self.seen.contains(&text(data))
    }
}

fn text(data: &Json) -> String {
    data.to_string()
}
