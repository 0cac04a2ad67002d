//! The signalling server: rooms of peers that find each other, talk, and pass on WebRTC offers and answers.
//!
//! Two halves that meet at one seam:
//!
//! - The [`hub`] decides. It knows channels, presence, routing, permissions and limits, and nothing of
//!   sockets, clocks or randomness, so the simulator runs the very same hub in a virtual world.

pub mod hub;

mod grants;
mod identity;
mod limits;

pub use grants::{Action, Actions, ChannelPattern, Grants, InvalidPattern};
pub use identity::Identity;
pub use limits::Limits;
