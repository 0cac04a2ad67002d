//! The watch over one client: what must hold whatever happens.
//!
//! The watch sees what the driver sees, that is every input and every output, and never looks into the core. Each
//! room holds one rule and a model of it that is as naive as can be.

mod backoff;
mod calls;
mod messages;
mod remotes;
mod roster;
mod sockets;
mod states;

pub use backoff::Backoff;
pub use calls::Calls;
pub use messages::Messages;
pub use remotes::Remotes;
pub use roster::Roster;
pub use sockets::Sockets;
pub use states::Chain;

use metered_core::{Core, RoomState};
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};

/// All rules of one client's life.
#[derive(Debug)]
pub struct Watch {
    /// Every call settles exactly once, in time.
    pub calls: Calls,
    /// The room's states follow each other as drawn.
    pub room: Chain,
    /// At most one socket is listened to, and none is written to that is gone.
    pub sockets: Sockets,
    /// Attempts come neither too early nor too late.
    pub backoff: Backoff,
    /// The roster is what the server's presence says.
    pub roster: Roster,
    /// Messages come once each.
    pub messages: Messages,
    /// Remotes come and go in order, and nothing is said about those that are gone.
    pub remotes: Remotes,
}

impl Watch {
    /// The watch over a new core.
    pub fn new() -> Self {
        Self {
            calls: Calls::default(),
            room: Chain::room(),
            sockets: Sockets::default(),
            backoff: Backoff::default(),
            roster: Roster::default(),
            messages: Messages::default(),
            remotes: Remotes::default(),
        }
    }

    /// A frame is about to be handed in, from the socket that the core listens to.
    pub fn frame(&mut self, kernel: &mut Kernel, frame: &Json, channel: &str) {
        match frame["type"].as_str() {
            Some("welcome") => {
                self.backoff.welcomed();
                self.roster.welcomed(frame);
            }
            Some("presence") if frame["channel"] == channel => self.roster.presence(frame),
            Some("message") if frame["channel"] == channel => {
                self.messages.arriving(frame, self.roster.contains(&frame["from"]));
            }
            Some("direct") if frame["data"]["type"].is_null() => {
                self.messages.arriving(frame, self.roster.contains(&frame["from"]));
            }
            Some("error") if frame["requestId"].is_null() => {
                kernel.violated("the server understands every frame", frame.to_string());
            }
            _ => {}
        }
    }

    /// An input has been handled and all its outputs carried out.
    pub fn settled(&mut self, kernel: &mut Kernel, who: Who, core: &Core<Json>) {
        self.messages.settled(kernel, who, core.room_state());
        self.room.is_now(kernel, who, core.room_state().as_str());
        match core.room_state() {
            RoomState::Joined | RoomState::Reconnecting => self.roster.compare(kernel, who, core),
            RoomState::Idle | RoomState::Closed => {
                self.roster.forget();
                if core.remotes().next().is_some() {
                    kernel
                        .violated("the roster is the server's", format!("{who} has remotes without a room"));
                }
            }
            RoomState::Joining | RoomState::Leaving => {}
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}
