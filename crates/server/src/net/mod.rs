//! The driver: sockets, time, and everything else that the hub does not know.
//!
//! One task per connection reads its socket and hands each frame to the hub, under one lock that is never held
//! across an await. Whoever called the hub carries out what it wants done at once, which is cheap: a frame is put
//! into the recipients' [`outbox`]es, and each connection's own task writes its own. So one slow socket delays
//! nobody else, and what it may leave unread is bounded.

mod accept;
mod admission;
mod app;
mod assets;
mod backlog;
mod cluster;
mod endpoint;
mod metrics;
mod operations;
mod outbox;
mod proxies;
mod serve;
mod socket;
mod state;
mod tls;
mod web_socket;

pub(crate) use app::{App, Total};
pub(crate) use operations::endpoints as operations;
pub use proxies::TrustedProxies;
pub use serve::serve;
pub use state::ServerState;
pub(crate) use state::now;
pub use tls::Tls;
pub(crate) use tls::{PemFiles, read_certificates, read_file, read_private_key};
