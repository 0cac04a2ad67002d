//! Data tracks, as machines that talk over channels of a test's making.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, unreachable_pub)]

mod convergence;
mod frames;
mod hostile;
mod net;
mod subscriptions;
