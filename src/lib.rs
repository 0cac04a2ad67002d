//! Real-time rooms for web apps and bots: the shell between the core and the JavaScript platform.
//!
//! The core (`metered-core`) decides; this crate acts. It is the only code that knows JavaScript: it opens the
//! platform's `WebSocket`, runs its `RTCPeerConnection`s, hands its events to the core as inputs and carries out
//! what the core answers.
//!
//! ```text
//!  handles: SignallingClient  MeteredPeer  RemotePeer          DataChannel
//!                  └──────────────┼─────────────┘                   │
//!  driver:                     Driver ── one core, one timer     SendGate, one timer
//!                  ┌──────────────┼─────────────┐                   │
//!  platform:    sockets      connections     emitters         RTCDataChannel
//! ```
//!
//! - Exported methods take `&self` and never hold a borrow while JavaScript runs, so a handler may call any method.
//! - A user's payload is a JavaScript value from the frame to the handler. It does not enter linear memory.
//! - Listeners, closures and timers have an owner and end with it.

mod bindings;
mod callback;
mod client;
mod connection;
mod data_channel;
mod driver;
mod emit;
mod error;
mod json;
mod options;
mod peer;
mod remote;
mod socket;
mod table;

pub use client::SignallingClient;
pub use data_channel::DataChannel;
pub use peer::MeteredPeer;
pub use remote::RemotePeer;
