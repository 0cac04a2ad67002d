//! Real-time rooms for web apps and bots: the core's way to the JavaScript platform.
//!
//! The core (`metered-core`) decides; this crate carries its decisions out on the platform's `WebSocket`,
//! `RTCPeerConnection` and `RTCDataChannel`. What must be JavaScript is in `js/`: the public classes, event
//! dispatch, errors, and the listeners on native objects.
//!
//! ```text
//!   js/  SignallingClient, MeteredPeer, RemotePeer          DataChannel
//!             │ tell()            ▲ events, promises            │ send()
//!        ┌────▼───────────────────┴─────┐                 ┌─────▼──────┐
//!   src/ │ Client: drives the core      │                 │ admit      │
//!        │ Input ► core ► Output        │                 │ release    │
//!        └────┬───────────────────▲─────┘                 └─────┬──────┘
//!             │ commands          │ tell()                      │
//!        WebSocket, RTCPeerConnection                     RTCDataChannel
//! ```
//!
//! - Exported methods take `&self` and hold no borrow while JavaScript runs, so a handler may call any method.
//! - A user's payload is a JavaScript value from the frame to the handler. It does not enter linear memory.
//! - No closure crosses the boundary: native objects notify JavaScript, which calls [`Client::tell`]. So
//!   nothing here keeps a JavaScript object alive, and a client that is forgotten is collected.
//! - Strings of the API that name states, events and errors are spelled in JavaScript only; numbers cross.

mod channel;
mod client;
mod driver;
mod host;
mod json;
mod tracks;

pub use channel::{admit, release};
pub use client::{Client, open};
pub use host::Host;

/// The standard library's allocator for this target is three times its size, and slower.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
