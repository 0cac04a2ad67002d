//! What a session may have to be sent again.
//!
//! The `message`, `direct` and `presence` frames of a session are numbered from 1. A frame that was handed to a
//! socket may never have arrived, so the recent ones are kept while the client is connected too, until it is known
//! to have read them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metered_protocol::{Channel, Message, RawJson, ServerFrame};

use super::Frame;
use crate::Limits;
use crate::limits::exceeds;

/// The bytes of all frames that are kept for anybody. A frame that many keep counts once.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicUsize>);

impl Meter {
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A numbered frame, shared by everyone who gets it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) frame: Frame,
    /// The channel that it belongs to; a direct message belongs to none.
    pub(super) channel: Option<Channel>,
    pub(super) is_presence: bool,
    meter: Meter,
}

impl Kept {
    pub(super) fn encode(frame: &ServerFrame<RawJson>, meter: &Meter) -> Arc<Self> {
        let (channel, is_presence) = match frame {
            ServerFrame::Message(Message { channel: Some(channel), .. }) => (Some(channel.clone()), false),
            ServerFrame::Presence { channel, .. } => (Some(channel.clone()), true),
            _ => (None, false),
        };
        let frame = Frame::encode(frame).numbered();
        meter.0.fetch_add(frame.len(), Ordering::Relaxed);
        Arc::new(Self { frame, channel, is_presence, meter: meter.clone() })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.frame.len(), Ordering::Relaxed);
    }
}

/// The recent frames of one session.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// How many frames had been numbered before the first that is kept.
    gone: u64,
    frames: VecDeque<Arc<Kept>>,
    bytes: usize,
}

impl Ring {
    /// How many frames have been numbered.
    pub(super) fn numbered(&self) -> u64 {
        self.gone + self.frames.len() as u64
    }

    /// Numbers a frame, and keeps it for as long as there is room.
    pub(super) fn push(&mut self, kept: &Arc<Kept>, limits: &Limits) {
        self.bytes += kept.frame.len();
        self.frames.push_back(kept.clone());
        if exceeds(limits.resume_total_bytes, kept.meter.bytes()) {
            self.forget(self.numbered());
        }
        while exceeds(limits.resume_session_bytes, self.bytes)
            || exceeds(limits.resume_session_frames, self.frames.len())
        {
            self.forget(self.gone + 1);
        }
    }

    /// Forgets the frames up to a number: the client has read them.
    pub(super) fn forget(&mut self, number: u64) {
        while self.gone < number
            && let Some(kept) = self.frames.pop_front()
        {
            self.gone += 1;
            self.bytes -= kept.frame.len();
        }
        if self.frames.is_empty() {
            // An idle session keeps no room for the burst it once had.
            self.frames = VecDeque::new();
        }
    }

    /// Whether a client that has received the frames up to this number can be sent all that follow.
    pub(super) fn reaches_back_to(&self, number: u64) -> bool {
        (self.gone..=self.numbered()).contains(&number)
    }

    /// Takes frames out that the client has not received and is not to see, and numbers the rest anew.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&Kept) -> bool) {
        self.frames.retain(|kept| wanted(kept));
        self.bytes = self.frames.iter().map(|kept| kept.frame.len()).sum();
    }

    /// The frames that are kept, in their order.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().map(|kept| &kept.frame)
    }
}

#[cfg(test)]
mod tests {
    use metered_protocol::PeerId;

    use super::*;

    fn direct(meter: &Meter, text: &str) -> Arc<Kept> {
        let data = RawJson::from_value(&text.into());
        let from = PeerId::parse("alice").unwrap();
        Kept::encode(&ServerFrame::Message(Message { channel: None, from, from_metadata: None, data }), meter)
    }

    fn no_limits() -> Limits {
        Limits {
            resume_session_bytes: 0,
            resume_session_frames: 0,
            resume_total_bytes: 0,
            ..Limits::default()
        }
    }

    #[test]
    fn a_ring_forgets_the_oldest_when_it_is_full_and_keeps_counting() {
        let (meter, mut ring) = (Meter::default(), Ring::default());
        let limits = Limits { resume_session_frames: 3, ..no_limits() };
        for _ in 0..10 {
            ring.push(&direct(&meter, "x"), &limits);
        }
        assert_eq!((ring.numbered(), ring.frames().count()), (10, 3));
        assert!(!ring.reaches_back_to(6) && ring.reaches_back_to(7));
        assert!(ring.reaches_back_to(10) && !ring.reaches_back_to(11));
    }

    #[test]
    fn a_ring_is_bounded_in_bytes_and_one_frame_that_is_too_large_empties_it() {
        let (meter, mut ring) = (Meter::default(), Ring::default());
        let frame = direct(&meter, "x");
        let limits = Limits { resume_session_bytes: 2 * frame.frame.len(), ..no_limits() };
        for _ in 0..5 {
            ring.push(&frame, &limits);
        }
        assert_eq!(ring.frames().count(), 2);
        ring.push(&direct(&meter, &"x".repeat(1000)), &limits);
        assert_eq!((ring.frames().count(), ring.bytes, ring.numbered()), (0, 0, 6));
        assert!(ring.reaches_back_to(6) && !ring.reaches_back_to(5));
    }

    #[test]
    fn a_frame_that_many_keep_counts_once_and_no_longer_than_it_is_kept() {
        let meter = Meter::default();
        let mut rings: Vec<Ring> = (0..100).map(|_| Ring::default()).collect();
        let frame = direct(&meter, "x");
        let length = frame.frame.len();
        for ring in &mut rings {
            ring.push(&frame, &no_limits());
        }
        drop(frame);
        assert_eq!(meter.bytes(), length);
        rings.truncate(1);
        assert_eq!(meter.bytes(), length);
        rings.clear();
        assert_eq!(meter.bytes(), 0);
    }

    #[test]
    fn over_the_total_of_all_rings_one_that_grows_is_emptied() {
        let meter = Meter::default();
        let (mut large, mut small) = (Ring::default(), Ring::default());
        let frame = direct(&meter, &"x".repeat(100));
        let limits = Limits { resume_total_bytes: 2 * frame.frame.len(), ..no_limits() };
        drop(frame);
        large.push(&direct(&meter, &"y".repeat(100)), &limits);
        large.push(&direct(&meter, &"y".repeat(100)), &limits);
        small.push(&direct(&meter, "z"), &limits);
        assert_eq!((large.frames().count(), small.frames().count()), (2, 0));
        large.push(&direct(&meter, "y"), &limits);
        assert_eq!((large.frames().count(), meter.bytes()), (0, 0));
        small.push(&direct(&meter, "z"), &limits);
        assert_eq!(small.frames().count(), 1, "what was freed can be used");
    }
}
