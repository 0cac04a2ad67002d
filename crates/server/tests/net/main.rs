//! The server over real sockets.

#![cfg(test)]

mod assets;
mod closes;
mod conversation;
mod harness;
mod load;
mod shutdown;
mod tokens;
