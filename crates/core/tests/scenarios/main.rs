//! The core through its public API, driven by hand. Each test is a sentence; what the core does is read as a list
//! of words, one per output.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod hand;

mod closed_connections;
mod connecting;
mod doubts;
mod hostile;
mod ice_restarts;
mod ice_servers;
mod liveness;
mod negotiation;
mod reconciling;
mod reconnecting;
mod refreshing;
mod requests;
mod resuming;
mod room;
mod roster;
mod signals;
mod subscriptions;
mod track_metadata;
