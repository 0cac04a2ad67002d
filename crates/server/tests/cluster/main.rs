//! Real servers that are one over a real NATS, all of them processes that can be killed.
//!
//! It needs `nats-server`: that of the variable `NATS_SERVER`, or the one on `PATH`.

#![cfg(test)]
#![cfg(unix)]

#[path = "../support/client.rs"]
mod client;
#[path = "../support/directory.rs"]
mod directory;
#[path = "../support/http.rs"]
mod http;
mod processes;

/// A name of its own, by which the tests can be left out where there is no NATS.
mod over_nats {
    mod faults;
    mod login;
    mod resume;
    mod traffic;
}
