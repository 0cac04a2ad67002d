//! Backpressure of one data channel.
//!
//! `RTCDataChannel.send()` never says no until it kills the channel: Chromium closes it when 16 MiB are
//! buffered, others when one message is too long. The gate decides before: a send goes out at once while the
//! channel's `bufferedAmount` leaves room for it under the high-water mark, waits in a queue of bounded length
//! otherwise, and is refused at once when it can never fit. Sends leave in the order they came.
//!
//! After the first send has to wait, nothing overtakes it until the buffer has fallen to the low-water mark.
//! That is announced by `bufferedamountlow`; since one stack never fires it, the driver also asks again by itself.
//!
//! The gate knows sizes and numbers only. The queue is the driver's, who says how many wait and how long the
//! first of them is: so no payload has to cross to where the gate is, and asking it costs next to nothing.

/// The gate: its limits, in bytes and in sends. They may change at any time; what waits is judged anew when its turn
/// comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendGate {
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

impl Default for SendGate {
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

impl SendGate {
    /// Judges a new send of so many bytes, behind so many that wait.
    #[inline]
    pub fn admit(&self, bytes: usize, buffered_amount: usize, waiting: usize) -> Admission {
        if bytes > self.max_message_size {
            Admission::TooLarge
        } else if waiting == 0 && self.fits(bytes, buffered_amount) {
            Admission::Send
        } else if waiting >= self.max_queued_sends {
            Admission::Overflow
        } else {
            Admission::Wait
        }
    }

    /// Judges the first send that waits, by its size; never [`Admission::Overflow`]. Unless it has to wait, take
    /// it out and ask for the next with `draining`, and the amount that is buffered then. To be asked after
    /// `bufferedamountlow`, and from time to time.
    pub fn release(&self, bytes: usize, buffered_amount: usize, draining: bool) -> Admission {
        // Wait for the low-water mark, then fill up to the high one: a queue that moved one send per small
        // drop of the buffer would wake the driver for every message.
        if bytes > self.max_message_size {
            Admission::TooLarge
        } else if (draining || buffered_amount <= self.buffered_amount_low_threshold)
            && self.fits(bytes, buffered_amount)
        {
            Admission::Send
        } else {
            Admission::Wait
        }
    }

    /// A message that is alone larger than the high-water mark goes out when nothing else is buffered, so
    /// that it cannot block the queue for ever.
    fn fits(&self, bytes: usize, buffered_amount: usize) -> bool {
        buffered_amount == 0 || buffered_amount.saturating_add(bytes) <= self.max_buffered_amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: SendGate = SendGate {
        max_buffered_amount: 100,
        buffered_amount_low_threshold: 50,
        max_queued_sends: 2,
        max_message_size: 200,
    };

    /// How many of a queue of equal sends go out while nothing leaves the buffer.
    fn drain(waiting: usize, bytes: usize, mut buffered: usize) -> usize {
        let mut out = 0;
        while out < waiting && GATE.release(bytes, buffered, out > 0) == Admission::Send {
            buffered += bytes;
            out += 1;
        }
        out
    }

    #[test]
    fn a_send_goes_out_up_to_the_high_water_mark_and_waits_above_it() {
        assert_eq!(GATE.admit(40, 60, 0), Admission::Send);
        assert_eq!(GATE.admit(41, 60, 0), Admission::Wait);
    }

    #[test]
    fn nothing_overtakes_a_waiting_send() {
        assert_eq!(GATE.admit(1, 0, 1), Admission::Wait);
    }

    #[test]
    fn waiting_sends_go_on_at_the_low_water_mark_and_fill_up_to_the_high_one() {
        assert_eq!(drain(2, 20, 51), 0);
        assert_eq!(drain(3, 20, 50), 2);
        assert_eq!(drain(1, 20, 90), 0);
    }

    #[test]
    fn a_full_queue_refuses() {
        assert_eq!(GATE.admit(1, 100, 1), Admission::Wait);
        assert_eq!(GATE.admit(1, 100, 2), Admission::Overflow);
    }

    #[test]
    fn a_message_that_the_other_side_never_takes_is_refused_at_once() {
        assert_eq!(GATE.admit(200, 0, 0), Admission::Send);
        assert_eq!(GATE.admit(201, 0, 0), Admission::TooLarge);
        assert_eq!(GATE.admit(201, 100, 2), Admission::TooLarge);
    }

    #[test]
    fn a_message_that_waits_is_refused_when_the_other_side_turns_out_not_to_take_it() {
        assert_eq!(GATE.admit(90, 100, 0), Admission::Wait);
        let gate = SendGate { max_message_size: 80, ..GATE };
        assert_eq!(gate.release(90, 100, false), Admission::TooLarge);
        assert_eq!(gate.release(80, 0, true), Admission::Send);
    }

    #[test]
    fn a_message_above_the_high_water_mark_goes_out_when_the_buffer_is_empty() {
        assert_eq!(GATE.admit(150, 0, 0), Admission::Send);
        assert_eq!(GATE.admit(150, 1, 0), Admission::Wait);
        assert_eq!(GATE.release(150, 1, false), Admission::Wait);
        assert_eq!(GATE.release(150, 0, false), Admission::Send);
    }

    #[test]
    fn what_is_not_open_counts_as_full_whatever_the_limits_are() {
        let gate = SendGate { max_buffered_amount: usize::MAX - 1, ..SendGate::default() };
        assert_eq!(gate.admit(0, usize::MAX, 0), Admission::Wait);
        assert_eq!(gate.release(0, usize::MAX, true), Admission::Wait);
    }
}
