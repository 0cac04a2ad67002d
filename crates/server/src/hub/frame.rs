//! A frame on its way out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use metered_protocol::{RawJson, ServerFrame, ToJson};

/// The text of a frame to a client. Cheap to clone: everyone who gets it shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    text: Arc<str>,
    read_alone: bool,
    numbered: bool,
}

impl Frame {
    pub(super) fn encode(frame: &ServerFrame<RawJson>) -> Self {
        let mut text = String::with_capacity(128);
        frame.write_json(&mut text);
        Self { text: text.into(), read_alone: false, numbered: false }
    }

    /// The same frame, marked as one that its client had better read alone.
    pub(super) fn read_alone(self) -> Self {
        Self { read_alone: true, ..self }
    }

    /// The same frame, marked as one that counts in its session.
    pub(super) fn numbered(self) -> Self {
        Self { numbered: true, ..self }
    }

    /// Whether the frame counts in [`Hub::has_read`](super::Hub::has_read): it is a `message`, `direct` or
    /// `presence`.
    pub fn is_numbered(&self) -> bool {
        self.numbered
    }

    /// Whether a driver of real sockets does its clients a favour by sending nothing more until they have read
    /// this frame.
    ///
    /// It does for the `ack` of a subscribe. The official JavaScript SDK listens for the channel's snapshot only once
    /// the code that awaited the `ack` has run; in Node its WebSocket emits all that one read has brought before
    /// any such code runs, and the roster would be lost.
    pub fn is_read_alone(&self) -> bool {
        self.read_alone
    }
}

impl Deref for Frame {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The frame's length and not its text: a payload is its users' and a welcome may hold credentials.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}
