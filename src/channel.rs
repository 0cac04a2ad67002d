//! The exported send gate of data channels.
//!
//! Used by `js/data_channel.js` only, which owns the channel, the sends that wait, promises, events and timers. What
//! crosses are numbers: sizes in bytes, of which `Infinity` is one, and what becomes of a send.

use metered_core::{Admission, SendGate};
use wasm_bindgen::prelude::*;

/// What becomes of a send, as `js/data_channel.js` numbers it.
fn number(admission: Admission) -> u32 {
    match admission {
        Admission::Send => 0,
        Admission::Wait => 1,
        Admission::Overflow => 2,
        Admission::TooLarge => 3,
    }
}

/// Judges a new send behind those that are waiting.
#[wasm_bindgen(skip_typescript)]
pub fn admit(bytes: f64, max: f64, buffered: f64, high: f64, waiting: f64, most: f64) -> u32 {
    let gate = SendGate {
        max_message_size: max as usize,
        max_buffered_amount: high as usize,
        max_queued_sends: most as usize,
        ..SendGate::default()
    };
    number(gate.admit(bytes as usize, buffered as usize, waiting as usize))
}

/// Judges the first of the sends that wait.
#[wasm_bindgen(skip_typescript)]
pub fn release(bytes: f64, max: f64, buffered: f64, high: f64, low: f64, draining: bool) -> u32 {
    let gate = SendGate {
        max_message_size: max as usize,
        max_buffered_amount: high as usize,
        buffered_amount_low_threshold: low as usize,
        ..SendGate::default()
    };
    number(gate.release(bytes as usize, buffered as usize, draining))
}
