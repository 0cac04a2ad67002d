//! The driver: sockets, time, and everything else that the hub does not know.
//!
//! One task per connection reads its socket and hands each frame to the hub, under one lock that is never held
//! across an await. Whoever called the hub carries out what it wants done at once, which is cheap: a frame is put
//! into the recipients' [`outbox`]es, and each connection's own task writes its own. So one slow socket delays
//! nobody else, and what it may leave unread is bounded.

mod admission;
mod assets;
mod endpoint;
mod metrics;
mod operations;
mod outbox;
mod serve;
mod socket;
mod state;

pub(crate) use operations::endpoints as operations;
pub use serve::serve;
pub(crate) use state::now;
pub use state::{Config, ServerState};
