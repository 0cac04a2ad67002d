//! The watch over one client: what must hold whatever happens.
//!
//! The watch sees what the driver sees, that is every input and every output, and never looks into the core. Each
//! room holds one rule and a model of it that is as naive as can be.

mod backoff;
mod calls;
mod connections;
mod messages;
mod remotes;
mod roster;
mod sockets;
mod states;
mod wishes;

pub use backoff::Backoff;
pub use calls::Calls;
pub use connections::Connections;
pub use messages::Messages;
pub use remotes::Remotes;
pub use roster::Roster;
pub use sockets::Sockets;
pub use states::Chain;
pub use wishes::Wishes;

use metered_core::{Core, RoomState};
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};
use crate::plan::Role;

/// All rules of one client's life.
#[derive(Debug)]
pub struct Watch {
    /// Every call settles exactly once, in time.
    pub calls: Calls,
    /// The states of the room, or of the client, follow each other as drawn.
    pub state: Chain,
    /// `connected` and `disconnected` tell the truth.
    pub connections: Connections,
    /// Subscriptions converge to what the application asked for.
    pub wishes: Wishes,
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
    role: Role,
}

impl Watch {
    /// The watch over a new core.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            calls: Calls::default(),
            state: match role {
                Role::Peer => Chain::room(),
                Role::Client => Chain::client(),
            },
            connections: Connections::default(),
            wishes: Wishes::default(),
            sockets: Sockets::default(),
            backoff: Backoff::default(),
            roster: Roster::default(),
            messages: Messages::default(),
            remotes: Remotes::default(),
        }
    }

    /// A frame is about to be handed in, from the socket that the core listens to.
    pub fn frame(&mut self, kernel: &mut Kernel, lateness: u64, frame: &Json, channel: &str) {
        match frame["type"].as_str() {
            Some("welcome") => {
                self.backoff.welcomed();
                self.roster.welcomed(kernel.now, lateness, frame);
            }
            Some("presence") if frame["channel"] == channel => self.roster.presence(frame),
            Some("message" | "direct") if self.role == Role::Client => {
                self.messages.arriving(frame, Some(true))
            }
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
        match self.role {
            Role::Client => {
                self.messages.settled(kernel, who, true);
                self.state.is_now(kernel, who, core.signalling_state().as_str());
            }
            Role::Peer => {
                let state = core.room_state();
                let is_in_room = matches!(state, RoomState::Joined | RoomState::Reconnecting);
                self.messages.settled(kernel, who, is_in_room);
                self.state.is_now(kernel, who, state.as_str());
                if is_in_room {
                    self.roster.compare(kernel, who, core);
                } else if matches!(state, RoomState::Idle | RoomState::Closed) {
                    self.roster.forget();
                    if core.remotes().next().is_some() {
                        let what = format!("{who} has remotes without a room");
                        kernel.violated("the roster is the server's", what);
                    }
                }
            }
        }
    }
}
