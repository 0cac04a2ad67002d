//! The hub through its public API: every rule of the wire, without a socket.

#![cfg(test)]

mod lifetime;
mod limits;
mod permissions;
mod presence;
mod requests;
mod routing;
mod world;
