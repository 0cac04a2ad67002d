//! A virtual world in which the core is proven.
//!
//! Real cores and the server's real hub run here among things that are not real: time that jumps from event to
//! event, sockets that delay, lose and die, peer connections that keep the rules of W3C WebRTC and nothing else,
//! and applications that call whatever comes to their minds. All chance comes from one seed, and nothing in the
//! world depends on anything but the seed, so that a seed that fails once fails for ever.
//!
//! ```text
//!   app ─► core ─► driver ─┬─► network ─► server: hub
//!    ▲                     └─► webrtc ──► the other clients' webrtc
//!    └── watch: what must hold, judged from inputs and outputs alone
//! ```
//!
//! A [`plan::Plan`] says what kind of world a seed makes, the [`world::World`] lets its events happen, a
//! [`watch::Watch`] looks over each client's shoulder, a [`scenario`] says what must have come about in the end, and
//! a [`campaign`] runs many seeds.

pub mod app;
pub mod campaign;
pub mod client;
pub mod dice;
pub mod kernel;
pub mod ledger;
pub mod mischief;
pub mod network;
pub mod plan;
pub mod queue;
pub mod scenario;
pub mod server;
pub mod trace;
pub mod watch;
pub mod webrtc;
pub mod world;
