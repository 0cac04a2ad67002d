//! The exported send gate of one data channel.

use std::cell::Cell;

use metered_core::{Admission, SendGate, SendLimits};
use wasm_bindgen::prelude::*;

/// A data channel's backpressure. Used by `js/data_channel.js` only, which owns the channel, the sends that wait,
/// promises, events and timers: what crosses are numbers. Sizes are bytes, and `Infinity` is one.
#[wasm_bindgen(skip_typescript)]
pub struct Channel(Cell<SendGate>);

/// What becomes of a send, as `js/data_channel.js` numbers it.
fn number(admission: Admission) -> u32 {
    match admission {
        Admission::Send => 0,
        Admission::Wait => 1,
        Admission::Overflow => 2,
        Admission::TooLarge => 3,
    }
}

#[wasm_bindgen]
impl Channel {
    /// A gate before an empty queue.
    #[wasm_bindgen(constructor)]
    pub fn new(high: f64, max_queued_sends: f64) -> Channel {
        let limits = SendLimits {
            max_buffered_amount: high as usize,
            max_queued_sends: max_queued_sends as usize,
            ..SendLimits::default()
        };
        Self(Cell::new(SendGate::new(limits)))
    }

    /// Sets what may change: the low-water mark, and the longest message that the other side takes.
    pub fn limit(&self, low: f64, max_message_size: f64) {
        let mut gate = self.0.get();
        gate.limits.buffered_amount_low_threshold = low as usize;
        gate.limits.max_message_size = max_message_size as usize;
        self.0.set(gate);
    }

    /// Judges a new send.
    pub fn admit(&self, bytes: f64, buffered: f64, waiting: u32) -> u32 {
        number(self.0.get().admit(bytes as usize, buffered as usize, waiting as usize))
    }

    /// Judges the first of the sends that wait.
    pub fn release(&self, bytes: f64, buffered: f64, waiting: u32) -> u32 {
        let mut gate = self.0.get();
        let admission = gate.release(bytes as usize, buffered as usize, waiting as usize);
        self.0.set(gate);
        number(admission)
    }

    /// How long to wait, in milliseconds, before the buffer is looked at by itself, or `again`.
    #[wasm_bindgen(js_name = recheckMs)]
    pub fn recheck_ms(&self, again: bool) -> u32 {
        let mut gate = self.0.get();
        let delay = gate.recheck_ms(again);
        self.0.set(gate);
        delay
    }
}
