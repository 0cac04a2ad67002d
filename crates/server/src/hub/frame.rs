//! A frame on its way out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use metered_protocol::{RawJson, ServerFrame, ToJson};

/// The text of a frame to a client. Cheap to clone: everyone who gets it shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<str>);

impl Frame {
    pub(super) fn encode(frame: &ServerFrame<RawJson>) -> Self {
        let mut text = String::with_capacity(128);
        frame.write_json(&mut text);
        Self(text.into())
    }
}

impl Deref for Frame {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The frame's length and not its text: a payload is its users' and a welcome may hold credentials.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}
