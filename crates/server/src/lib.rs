//! The signalling server: rooms of peers that find each other, talk, and pass on WebRTC offers and answers.
//!
//! Two halves that meet at one seam:
//!
//! - The [`hub`] decides. It knows channels, presence, routing, permissions and limits, and nothing of
//!   sockets, clocks or randomness, so the simulator runs the very same hub in a virtual world.
//! - [`serve`] acts. It reads and writes sockets, asks [`auth`] who is there, and carries out what the hub wants
//!   done.
//!
//! ```
//! use metered_server::{Config, ServerState, serve};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! println!("connect to ws://{}/v1?key=pk_live_dev", listener.local_addr()?);
//! # let ctrl_c = std::future::ready(());
//! serve(listener, ServerState::new(Config::dev()), ctrl_c).await
//! # }
//! ```

pub mod auth;
pub mod hub;

mod config;
mod grants;
mod identity;
mod limits;
mod net;
mod rest;
mod turn;

pub use config::{App, Cluster, Config, Log, Login, Mistake, parse_host};
pub use grants::{Action, Actions, ChannelPattern, Grants, InvalidPattern};
pub use identity::Identity;
pub use limits::Limits;
pub use net::{ServerState, Tls, TrustedProxies, serve};
pub use turn::Turn;
