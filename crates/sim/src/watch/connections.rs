//! `connected` and `disconnected` tell the truth about each other.

use crate::kernel::{Kernel, Who};

const RULE: &str = "connected and disconnected tell the truth";

/// The connections since a `connect()`.
#[derive(Debug, Default)]
pub struct Connections {
    count: u32,
    connected: bool,
}

impl Connections {
    /// `connect()` was called.
    pub fn begin(&mut self) {
        *self = Self::default();
    }

    /// `connected`
    pub fn connected(&mut self, kernel: &mut Kernel, who: Who, is_reconnect: bool) {
        if self.connected || is_reconnect != (self.count > 0) {
            let what = format!("{who} connected, again: {is_reconnect}, but {self:?}");
            kernel.violated(RULE, what);
        }
        self.count += 1;
        self.connected = true;
    }

    /// `disconnected`, which also follows each attempt to reconnect that fails.
    pub fn disconnected(&mut self, kernel: &mut Kernel, who: Who) {
        if self.count == 0 {
            kernel.violated(RULE, format!("{who} disconnected and never was connected"));
        }
        self.connected = false;
    }
}
