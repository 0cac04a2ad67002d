//! The server over real sockets.

#![cfg(test)]

mod apps;
mod assets;
mod closes;
mod conversation;
mod harness;
mod limits;
mod load;
mod origins;
mod proxies;
mod resume;
mod shutdown;
mod tls;
mod tokens;
mod turn;
