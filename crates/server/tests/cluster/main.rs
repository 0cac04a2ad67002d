//! Real servers that are one over a real NATS, all of them processes that can be killed.
//!
//! It needs `nats-server`: that of the variable `NATS_SERVER`, or the one on `PATH`.

#![cfg(all(test, unix))]

#[path = "../support/client.rs"]
mod client;
#[path = "../support/directory.rs"]
mod directory;
mod faults;
#[path = "../support/http.rs"]
mod http;
mod login;
mod processes;
mod resume;
mod traffic;
