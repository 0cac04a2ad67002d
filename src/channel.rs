//! The exported send gate of one data channel.

use std::cell::RefCell;

use js_sys::Array;
use metered_core::{Admission, SendGate, SendLimits};
use wasm_bindgen::prelude::*;

use crate::host::RtcDataChannel;

/// A data channel's backpressure. Used by `js/data_channel.js` only, which owns promises, events and timers.
#[wasm_bindgen(skip_typescript)]
pub struct Channel {
    channel: RtcDataChannel,
    /// A send that waits is its payload and the number of its promise.
    gate: RefCell<SendGate<(JsValue, u32)>>,
}

/// What became of a send, as `js/data_channel.js` numbers it.
const SENT: u32 = 0;
const QUEUED: u32 = 1;
const OVERFLOW: u32 = 2;
const TOO_LARGE: u32 = 3;

#[wasm_bindgen]
impl Channel {
    /// A gate before a native channel. Limits in bytes and in sends.
    #[wasm_bindgen(constructor)]
    pub fn new(channel: JsValue, high: f64, low: f64, max_queued_sends: f64) -> Channel {
        let limits = SendLimits {
            max_buffered_amount: high as usize,
            buffered_amount_low_threshold: low as usize,
            max_queued_sends: max_queued_sends as usize,
        };
        Self { channel: channel.unchecked_into(), gate: RefCell::new(SendGate::new(limits)) }
    }

    /// Sends now, or queues the send under the number of its promise.
    pub fn send(&self, data: &JsValue, bytes: f64, call: u32) -> Result<u32, JsValue> {
        let bytes = bytes as usize;
        let buffered = self.buffered();
        let admission = self.gate.borrow().admit(bytes, buffered);
        Ok(match admission {
            Admission::Send => {
                self.channel.send_data(data)?;
                SENT
            }
            Admission::Queued => {
                self.gate.borrow_mut().enqueue(bytes, (data.clone(), call));
                QUEUED
            }
            Admission::Overflow(_) => OVERFLOW,
            Admission::TooLarge(_) => TOO_LARGE,
        })
    }

    /// Sends the next of the waiting, if there is room for it. Answers the number of its promise; fails with that
    /// number and the error, in an array, if the channel refused it.
    pub fn release(&self) -> Result<Option<u32>, Array> {
        let buffered = self.buffered();
        let next = self.gate.borrow_mut().release(buffered);
        let Some((data, call)) = next else { return Ok(None) };
        match self.channel.send_data(&data) {
            Ok(()) => Ok(Some(call)),
            Err(error) => {
                let refused = Array::new();
                refused.push(&call.into());
                refused.push(&error);
                Err(refused)
            }
        }
    }

    /// How long to wait, in milliseconds, before the buffer is looked at again by itself; undefined when nothing
    /// waits.
    #[wasm_bindgen(js_name = recheckMs)]
    pub fn recheck_ms(&self) -> Option<u32> {
        self.gate.borrow_mut().recheck_ms()
    }

    /// Takes a send that waits out of the gate. Answers the number of its promise.
    pub fn abandon(&self) -> Option<u32> {
        self.gate.borrow_mut().abandon().map(|(_, call)| call)
    }

    fn buffered(&self) -> usize {
        self.channel.buffered_amount() as usize
    }
}
