//! At most one socket is listened to, and none is written to that is gone.

use std::collections::BTreeSet;

use metered_core::SocketId;

use crate::kernel::{Kernel, Who};

const RULE: &str = "at most one socket is alive";

/// The sockets that the core listens to.
#[derive(Debug, Default)]
pub struct Sockets(BTreeSet<SocketId>);

impl Sockets {
    /// The core opens a socket.
    pub fn opened(&mut self, kernel: &mut Kernel, who: Who, socket: SocketId) {
        self.0.insert(socket);
        if self.0.len() > 1 {
            kernel.violated(RULE, format!("{who} listens to {:?}", self.0));
        }
    }

    /// The core writes to a socket.
    pub fn written(&self, kernel: &mut Kernel, who: Who, socket: SocketId) {
        if !self.0.contains(&socket) {
            kernel.violated(RULE, format!("{who} writes to socket {}, which is gone", socket.0));
        }
    }

    /// A socket is closed, by the core or otherwise. Answers whether it was listened to.
    pub fn closed(&mut self, socket: SocketId) -> bool {
        self.0.remove(&socket)
    }

    /// Whether there is a socket that the core listens to.
    pub fn has_one(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether the core listens to a socket.
    pub fn listens(&self, socket: SocketId) -> bool {
        self.0.contains(&socket)
    }
}
