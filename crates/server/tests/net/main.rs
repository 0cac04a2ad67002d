//! The server over real sockets.

#![cfg(test)]

mod assets;
mod closes;
mod conversation;
mod harness;
mod load;
mod resume;
mod shutdown;
mod tokens;
