//! The server over real sockets.

#![cfg(test)]

mod apps;
mod assets;
#[path = "../support/client.rs"]
mod client;
mod closes;
mod conformance;
mod conversation;
#[path = "../support/directory.rs"]
mod directory;
mod harness;
#[path = "../support/http.rs"]
mod http;
mod limits;
mod load;
mod operations;
mod origins;
mod proxies;
mod rest;
mod resume;
mod shutdown;
mod tls;
mod tokens;
mod turn;
