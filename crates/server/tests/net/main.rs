//! The server over real sockets.

#![cfg(test)]

mod assets;
mod closes;
mod conversation;
mod harness;
mod http;
mod load;
mod operations;
mod rest;
mod resume;
mod shutdown;
mod tokens;
