//! `connected` and `disconnected` tell the truth about each other, about sessions and about the state.

use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};

const RULE: &str = "connected and disconnected tell the truth";

/// The connections since a `connect()`.
#[derive(Debug, Default)]
pub struct Connections {
    count: u32,
    connected: bool,
    /// The server's words about the connection that is about to be announced.
    welcome: Option<(String, bool)>,
    /// Whose the latest one was.
    peer: String,
    /// No attempt will follow.
    ended: bool,
    /// `connect()` was called again before the end of the connection before was announced: whether that may come yet,
    /// and whether it must.
    owes_end: (bool, bool),
    /// How many ends without a next attempt a `close()` has to announce, and has announced.
    closing: Option<(u32, u32)>,
}

impl Connections {
    /// `connect()` was called.
    pub fn begin(&mut self) {
        let peer = std::mem::take(&mut self.peer);
        let owes_end = (self.count > 0 && !self.ended, self.connected);
        *self = Self { peer, owes_end, ..Self::default() };
    }

    /// A welcome is about to be handed in.
    pub fn welcomed(&mut self, welcome: &Json) {
        let peer = welcome["peerId"].as_str().unwrap_or_default().to_owned();
        self.welcome = Some((peer, welcome["resumed"] == true));
    }

    /// `connected`
    pub fn connected(&mut self, kernel: &mut Kernel, who: Who, peer: &str, again: bool, resumed: bool) {
        let welcome = self.welcome.take();
        let is_true = welcome.as_ref().is_some_and(|(id, said)| id == peer && *said == resumed);
        let is_same = !resumed || self.peer == peer;
        if self.connected || again != (self.count > 0) || !is_true || !is_same {
            let what = format!(
                "{who} connected as {peer}, again: {again}, resumed: {resumed}, but {self:?} {welcome:?}"
            );
            kernel.violated(RULE, what);
        }
        self.count += 1;
        self.connected = true;
        peer.clone_into(&mut self.peer);
    }

    /// `disconnected`, which also follows each attempt to reconnect that fails. Answers whether it is about the latest
    /// `connect()`.
    pub fn disconnected(&mut self, kernel: &mut Kernel, who: Who, will_reconnect: bool) -> bool {
        let (may_come, _) = std::mem::take(&mut self.owes_end);
        if may_come && !will_reconnect {
            return false;
        }
        if self.count == 0 || self.ended {
            kernel.violated(RULE, format!("{who} disconnected out of turn: {self:?}"));
        }
        self.connected = false;
        self.ended = !will_reconnect;
        if let Some((_, told)) = self.closing.as_mut().filter(|_| !will_reconnect) {
            *told += 1;
        }
        true
    }

    /// `close()` was called, and nothing else is under way. A socket that is there is one to announce the end of, unless
    /// it is that of a `connect()` that has not ended.
    pub fn closing(&mut self, has_socket: bool) {
        self.closing = Some((u32::from(has_socket && self.count > 0), 0));
    }

    /// An input has been handled.
    pub fn settled(&mut self, kernel: &mut Kernel, who: Who, state: &str) {
        let is_state_true = match (self.connected, self.ended) {
            _ if self.count == 0 => true,
            (true, _) => matches!(state, "connected"),
            (false, true) => state == "closed",
            (false, false) => matches!(state, "reconnecting" | "closed"),
        };
        let (_, is_missing) = std::mem::take(&mut self.owes_end);
        if !is_state_true || is_missing {
            kernel.violated(RULE, format!("{who} is {state}, but {self:?}"));
        }
        if let Some((due, told)) = self.closing.take()
            && due != told
        {
            kernel.violated(RULE, format!("{who} said {told} times that it closed a connection, not {due}"));
        }
    }
}
