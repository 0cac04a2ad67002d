//! The core through its public API, driven by hand. Each test is a sentence; what the core does is read as a list
//! of words, one per output.

mod hand;

mod negotiation;
mod room;
mod roster;
mod signals;
