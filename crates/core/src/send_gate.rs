//! Backpressure of one data channel.
//!
//! `RTCDataChannel.send()` never says no until it kills the channel: Chromium closes it when 16 MiB are
//! buffered, others when one message is too long. The gate decides before: a send goes out at once while the
//! channel's `bufferedAmount` leaves room for it under the high-water mark, waits in a queue of bounded length
//! otherwise, and is refused at once when it can never fit. Sends leave in the order they came.
//!
//! After the first send has to wait, nothing overtakes it until the buffer has fallen to the low-water mark.
//! That is announced by `bufferedamountlow`; since one stack never fires it, the driver also asks again after
//! [`SendGate::recheck_ms`].

use crate::queue::Queue;

/// The limits of a gate. Bytes, and a number of sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// The high-water mark: a send that would lift `bufferedAmount` above it waits. Default 1 MiB.
    pub max_buffered_amount: usize,
    /// The low-water mark: waiting sends go on when `bufferedAmount` is at or below it. Default half of the
    /// high-water mark.
    pub buffered_amount_low_threshold: usize,
    /// Most sends that wait. Default 256.
    pub max_queued_sends: usize,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            max_buffered_amount: 1024 * 1024,
            buffered_amount_low_threshold: 512 * 1024,
            max_queued_sends: 256,
        }
    }
}

/// What becomes of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it now.
    Send,
    /// It waits in the gate.
    Queued,
    /// The queue is full: this many wait already.
    Overflow(usize),
    /// It is longer than the channel takes at all: the limit in bytes.
    TooLarge(usize),
}

/// The gate. `T` is a waiting send: its payload, and whom to tell.
#[derive(Debug)]
pub struct SendGate<T> {
    limits: SendLimits,
    /// The longest message that the connection takes, in bytes.
    max_message_size: Option<usize>,
    queue: Queue<(usize, T)>,
    /// The low-water mark was reached and the buffer is being filled up again.
    draining: bool,
    rechecks: u32,
}

impl<T> SendGate<T> {
    /// An empty gate.
    pub fn new(limits: SendLimits) -> Self {
        Self { limits, max_message_size: None, queue: Queue::new(), draining: false, rechecks: 0 }
    }

    /// The limits, as constructed.
    pub fn limits(&self) -> SendLimits {
        self.limits
    }

    /// Learns how long a message the connection takes.
    pub fn set_max_message_size(&mut self, bytes: Option<usize>) {
        self.max_message_size = bytes;
    }

    /// Moves the low-water mark.
    pub fn set_low_threshold(&mut self, bytes: usize) {
        self.limits.buffered_amount_low_threshold = bytes;
    }

    /// Whether sends wait.
    pub fn is_waiting(&self) -> bool {
        self.queue.len() > 0
    }

    /// Judges a send of so many bytes. On [`Admission::Queued`] the caller follows up with
    /// [`SendGate::enqueue`]; on everything else the gate has not changed.
    #[inline]
    pub fn admit(&self, bytes: usize, buffered_amount: usize) -> Admission {
        if let Some(max) = self.max_message_size.filter(|&max| bytes > max) {
            return Admission::TooLarge(max);
        }
        if self.queue.len() == 0 && self.fits(bytes, buffered_amount) {
            return Admission::Send;
        }
        if self.queue.len() >= self.limits.max_queued_sends {
            return Admission::Overflow(self.queue.len());
        }
        Admission::Queued
    }

    /// Puts an admitted send at the end of the queue.
    pub fn enqueue(&mut self, bytes: usize, send: T) {
        if self.queue.len() == 0 {
            self.rechecks = 0;
        }
        self.queue.push((bytes, send));
    }

    /// Takes the next send that may go out. Call it until it answers `None`, with the amount that is buffered
    /// then, after `bufferedamountlow` and at every re-check.
    pub fn release(&mut self, buffered_amount: usize) -> Option<T> {
        let bytes = self.queue.peek()?.0;
        // Wait for the low-water mark, then fill up to the high one: a queue that moved one send per small
        // drop of the buffer would wake the driver for every message.
        let low = self.limits.buffered_amount_low_threshold;
        self.draining = (self.draining || buffered_amount <= low) && self.fits(bytes, buffered_amount);
        if !self.draining {
            return None;
        }
        self.rechecks = 0;
        let send = self.queue.pop().map(|(_, send)| send);
        self.draining = self.queue.len() > 0;
        send
    }

    /// Takes a send that waits, whatever is buffered: the channel is closed.
    pub fn abandon(&mut self) -> Option<T> {
        self.queue.pop().map(|(_, send)| send)
    }

    /// How long to wait before the buffer is looked at again, should no event come; `None` when nothing waits.
    /// Doubles from 4 to 64 ms while nothing moves.
    pub fn recheck_ms(&mut self) -> Option<u32> {
        if self.queue.len() == 0 {
            return None;
        }
        let delay = 4 << self.rechecks;
        self.rechecks = (self.rechecks + 1).min(4);
        Some(delay)
    }

    /// A message that is alone larger than the high-water mark goes out when nothing else is buffered, so
    /// that it cannot block the queue for ever.
    fn fits(&self, bytes: usize, buffered_amount: usize) -> bool {
        buffered_amount == 0 || buffered_amount.saturating_add(bytes) <= self.limits.max_buffered_amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> SendGate<u32> {
        let mut gate = SendGate::new(SendLimits {
            max_buffered_amount: 100,
            buffered_amount_low_threshold: 50,
            max_queued_sends: 2,
        });
        gate.set_max_message_size(Some(200));
        gate
    }

    fn drain(gate: &mut SendGate<u32>, mut buffered: usize, bytes: usize) -> Vec<u32> {
        let mut out = Vec::new();
        while let Some(send) = gate.release(buffered) {
            buffered += bytes;
            out.push(send);
        }
        out
    }

    #[test]
    fn a_send_goes_out_up_to_the_high_water_mark_and_waits_above_it() {
        assert_eq!(gate().admit(40, 60), Admission::Send);
        assert_eq!(gate().admit(41, 60), Admission::Queued);
    }

    #[test]
    fn nothing_overtakes_a_waiting_send() {
        let mut gate = gate();
        gate.enqueue(60, 1);
        assert_eq!(gate.admit(1, 0), Admission::Queued);
    }

    #[test]
    fn waiting_sends_go_on_at_the_low_water_mark_and_fill_up_to_the_high_one() {
        let mut gate = gate();
        gate.enqueue(30, 1);
        gate.enqueue(30, 2);
        assert!(drain(&mut gate, 51, 30).is_empty());
        assert_eq!(drain(&mut gate, 50, 30), [1]);
        assert_eq!(drain(&mut gate, 50, 30), [2]);
        assert!(!gate.is_waiting());
    }

    #[test]
    fn a_full_queue_refuses() {
        let mut gate = gate();
        gate.enqueue(60, 1);
        gate.enqueue(60, 2);
        assert_eq!(gate.admit(1, 100), Admission::Overflow(2));
    }

    #[test]
    fn a_message_that_the_channel_never_takes_is_refused_at_once() {
        assert_eq!(gate().admit(201, 0), Admission::TooLarge(200));
    }

    #[test]
    fn a_message_above_the_high_water_mark_goes_out_when_the_buffer_is_empty() {
        let mut gate = gate();
        assert_eq!(gate.admit(150, 0), Admission::Send);
        assert_eq!(gate.admit(150, 1), Admission::Queued);
        gate.enqueue(150, 1);
        assert!(drain(&mut gate, 1, 150).is_empty());
        assert_eq!(drain(&mut gate, 0, 150), [1]);
    }

    #[test]
    fn rechecks_slow_down_while_nothing_moves_and_start_over_when_it_does() {
        let mut gate = gate();
        assert_eq!(gate.recheck_ms(), None);
        gate.enqueue(60, 1);
        gate.enqueue(60, 2);
        let delays: Vec<_> = (0..6).map(|_| gate.recheck_ms()).collect();
        assert_eq!(delays, [Some(4), Some(8), Some(16), Some(32), Some(64), Some(64)]);
        assert_eq!(drain(&mut gate, 0, 60), [1]);
        assert_eq!(gate.recheck_ms(), Some(4));
    }

    #[test]
    fn closing_hands_every_waiting_send_back() {
        let mut gate = gate();
        gate.enqueue(60, 1);
        gate.enqueue(60, 2);
        assert_eq!([gate.abandon(), gate.abandon(), gate.abandon()], [Some(1), Some(2), None]);
        assert!(!gate.is_waiting());
    }
}
