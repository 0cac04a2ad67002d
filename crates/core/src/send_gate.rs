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
//!
//! The gate knows sizes and numbers only. The queue is the driver's, who says how many wait and how long the
//! first of them is: so no payload has to cross to where the gate is, and asking it costs next to nothing.

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
    /// The longest message that the other side takes. Default: not known, so any.
    pub max_message_size: usize,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            max_buffered_amount: 1024 * 1024,
            buffered_amount_low_threshold: 512 * 1024,
            max_queued_sends: 256,
            max_message_size: usize::MAX,
        }
    }
}

/// What becomes of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it now.
    Send,
    /// It waits, behind those that wait already.
    Wait,
    /// As many wait as may.
    Overflow,
    /// It is longer than the other side takes.
    TooLarge,
}

/// The gate.
#[derive(Clone, Copy, Debug)]
pub struct SendGate {
    /// May be changed at any time; what waits is judged anew when its turn comes.
    pub limits: SendLimits,
    /// The low-water mark was reached and the buffer is being filled up again.
    draining: bool,
    rechecks: u32,
}

impl SendGate {
    /// A gate before an empty queue.
    pub fn new(limits: SendLimits) -> Self {
        Self { limits, draining: false, rechecks: 0 }
    }

    /// Judges a new send of so many bytes, behind so many that wait. The gate does not change.
    #[inline]
    pub fn admit(&self, bytes: usize, buffered_amount: usize, waiting: usize) -> Admission {
        if bytes > self.limits.max_message_size {
            Admission::TooLarge
        } else if waiting == 0 && self.fits(bytes, buffered_amount) {
            Admission::Send
        } else if waiting >= self.limits.max_queued_sends {
            Admission::Overflow
        } else {
            Admission::Wait
        }
    }

    /// Judges the first of so many sends that wait, by its size; never [`Admission::Overflow`]. Unless it has to
    /// wait, take it out and ask for the next, with the amount that is buffered then. To be asked after
    /// `bufferedamountlow` and at every re-check.
    pub fn release(&mut self, bytes: usize, buffered_amount: usize, waiting: usize) -> Admission {
        if bytes > self.limits.max_message_size {
            return Admission::TooLarge;
        }
        // Wait for the low-water mark, then fill up to the high one: a queue that moved one send per small
        // drop of the buffer would wake the driver for every message.
        let low = self.limits.buffered_amount_low_threshold;
        if !((self.draining || buffered_amount <= low) && self.fits(bytes, buffered_amount)) {
            self.draining = false;
            return Admission::Wait;
        }
        self.rechecks = 0;
        self.draining = waiting > 1;
        Admission::Send
    }

    /// How long to wait before the buffer is looked at, should no event come; `again`, if it was looked at
    /// already. Doubles from 4 to 64 ms while nothing moves.
    pub fn recheck_ms(&mut self, again: bool) -> u32 {
        if !again {
            self.rechecks = 0;
        }
        let delay = 4 << self.rechecks;
        self.rechecks = (self.rechecks + 1).min(4);
        delay
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

    fn gate() -> SendGate {
        SendGate::new(SendLimits {
            max_buffered_amount: 100,
            buffered_amount_low_threshold: 50,
            max_queued_sends: 2,
            max_message_size: 200,
        })
    }

    /// How many of a queue of equal sends go out while nothing leaves the buffer.
    fn drain(gate: &mut SendGate, mut waiting: usize, bytes: usize, mut buffered: usize) -> usize {
        let mut out = 0;
        while waiting > 0 && gate.release(bytes, buffered, waiting) == Admission::Send {
            buffered += bytes;
            waiting -= 1;
            out += 1;
        }
        out
    }

    #[test]
    fn a_send_goes_out_up_to_the_high_water_mark_and_waits_above_it() {
        assert_eq!(gate().admit(40, 60, 0), Admission::Send);
        assert_eq!(gate().admit(41, 60, 0), Admission::Wait);
    }

    #[test]
    fn nothing_overtakes_a_waiting_send() {
        assert_eq!(gate().admit(1, 0, 1), Admission::Wait);
    }

    #[test]
    fn waiting_sends_go_on_at_the_low_water_mark_and_fill_up_to_the_high_one() {
        let mut gate = gate();
        assert_eq!(drain(&mut gate, 2, 20, 51), 0);
        assert_eq!(drain(&mut gate, 3, 20, 50), 2);
        assert_eq!(drain(&mut gate, 1, 20, 70), 0, "it waits for the low-water mark again");
        assert_eq!(drain(&mut gate, 1, 20, 50), 1);
    }

    #[test]
    fn a_queue_that_became_empty_waits_for_the_low_water_mark_when_it_fills_again() {
        let mut gate = gate();
        assert_eq!(drain(&mut gate, 1, 20, 50), 1);
        assert_eq!(drain(&mut gate, 1, 20, 60), 0);
    }

    #[test]
    fn a_full_queue_refuses() {
        assert_eq!(gate().admit(1, 100, 1), Admission::Wait);
        assert_eq!(gate().admit(1, 100, 2), Admission::Overflow);
    }

    #[test]
    fn a_message_that_the_other_side_never_takes_is_refused_at_once() {
        assert_eq!(gate().admit(200, 0, 0), Admission::Send);
        assert_eq!(gate().admit(201, 0, 0), Admission::TooLarge);
        assert_eq!(gate().admit(201, 100, 2), Admission::TooLarge);
    }

    #[test]
    fn a_message_that_waits_is_refused_when_the_other_side_turns_out_not_to_take_it() {
        let mut gate = gate();
        assert_eq!(gate.admit(90, 100, 0), Admission::Wait);
        gate.limits.max_message_size = 80;
        assert_eq!(gate.release(90, 100, 2), Admission::TooLarge);
        assert_eq!(gate.release(80, 0, 1), Admission::Send);
    }

    #[test]
    fn a_message_above_the_high_water_mark_goes_out_when_the_buffer_is_empty() {
        let mut gate = gate();
        assert_eq!(gate.admit(150, 0, 0), Admission::Send);
        assert_eq!(gate.admit(150, 1, 0), Admission::Wait);
        assert_eq!(gate.release(150, 1, 1), Admission::Wait);
        assert_eq!(gate.release(150, 0, 1), Admission::Send);
    }

    #[test]
    fn rechecks_slow_down_while_nothing_moves_and_start_over_when_it_does() {
        let mut gate = gate();
        let delays: Vec<_> = (0..6).map(|n| gate.recheck_ms(n > 0)).collect();
        assert_eq!(delays, [4, 8, 16, 32, 64, 64]);
        assert_eq!(gate.release(60, 0, 2), Admission::Send);
        assert_eq!([gate.recheck_ms(true), gate.recheck_ms(true)], [4, 8]);
        assert_eq!(gate.recheck_ms(false), 4);
    }

    #[test]
    fn what_is_not_open_counts_as_full_whatever_the_limits_are() {
        let mut gate =
            SendGate::new(SendLimits { max_buffered_amount: usize::MAX - 1, ..SendLimits::default() });
        assert_eq!(gate.admit(0, usize::MAX, 0), Admission::Wait);
        assert_eq!(gate.release(0, usize::MAX, 1), Admission::Wait);
    }
}
