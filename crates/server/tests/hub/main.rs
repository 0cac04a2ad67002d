//! The hub through its public API: every rule of the wire, without a socket.

#![cfg(test)]

mod cluster;
mod cluster_faults;
mod lifetime;
mod limits;
mod nodes;
mod outside;
mod permissions;
mod presence;
mod requests;
mod resume;
mod resume_bounds;
mod resume_grants;
mod routing;
mod ticks;
mod world;
