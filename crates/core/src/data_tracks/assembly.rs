//! Frames of one remote, put together from their packets.
//!
//! Packets come in any order, some twice, some never. A frame that has begun to arrive is kept for
//! [`PARTIAL_FRAME_MS`]; when too many have begun, or too many bytes wait, those that began first go. So what a remote
//! can occupy is bounded, whatever it sends.

use metered_protocol::{ENCRYPTION_BYTES, FrameHeader, MAX_FRAME_BYTES, Packet};

use super::{Frame, is_before};
use crate::Instant;
use crate::limits::{PARTIAL_FRAME_BYTES, PARTIAL_FRAME_MS, PARTIAL_FRAMES};

const LONGEST: usize = MAX_FRAME_BYTES + ENCRYPTION_BYTES;

#[derive(Debug)]
struct Partial {
    header: FrameHeader,
    since: Instant,
    /// By their indices.
    fragments: Vec<Option<Box<[u8]>>>,
    missing: usize,
    bytes: usize,
}

/// The frames of one remote that have begun to arrive, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    partials: Vec<Partial>,
    /// The tracks of frames that were given up, until they are counted.
    pub(super) given_up: Vec<u16>,
}

impl Assembly {
    /// Takes a packet. Answers the frame if it is complete with it.
    pub(super) fn take(&mut self, now: Instant, packet: Packet<'_>) -> Option<Frame> {
        self.keep(true, &|partial| now.since(partial.since) < PARTIAL_FRAME_MS);
        let Packet { frame: header, index, count, payload } = packet;
        if count == 1 {
            return (payload.len() <= LONGEST).then(|| Frame { header, payload: payload.into() });
        }
        let is_same = |partial: &Partial| {
            partial.header.handle == header.handle && partial.header.number == header.number
        };
        let at = self.partials.iter().position(is_same).unwrap_or_else(|| self.begin(now, header, count));
        let partial = self.partials.get_mut(at)?;
        // A packet that contradicts the first one of its frame is not of its frame.
        if partial.fragments.len() != usize::from(count) || partial.header.key_id != header.key_id {
            return None;
        }
        let fragment = partial.fragments.get_mut(usize::from(index)).filter(|fragment| fragment.is_none())?;
        *fragment = Some(payload.into());
        partial.missing -= 1;
        partial.bytes += payload.len();
        partial.header.timestamp = partial.header.timestamp.or(header.timestamp);
        if partial.bytes > LONGEST {
            self.give_up(at);
        } else if partial.missing == 0 {
            let Partial { header, fragments, bytes, .. } = self.partials.remove(at);
            let mut payload = Vec::with_capacity(bytes);
            fragments.iter().flatten().for_each(|fragment| payload.extend_from_slice(fragment));
            return Some(Frame { header, payload: payload.into() });
        } else {
            while self.partials.iter().map(|partial| partial.bytes).sum::<usize>() > PARTIAL_FRAME_BYTES {
                self.give_up(0);
            }
        }
        None
    }

    /// A frame of a track was delivered: those before it are late.
    pub(super) fn delivered(&mut self, handle: u16, number: u32) {
        self.keep(true, &|partial| {
            partial.header.handle != handle || !is_before(partial.header.number, number)
        });
    }

    /// Nobody wants a track any more.
    pub(super) fn forget(&mut self, handle: u16) {
        self.keep(false, &|partial| partial.header.handle != handle);
    }

    fn begin(&mut self, now: Instant, header: FrameHeader, count: u16) -> usize {
        if self.partials.len() >= PARTIAL_FRAMES {
            self.give_up(0);
        }
        let mut fragments = Vec::new();
        fragments.resize_with(usize::from(count), || None);
        self.partials.push(Partial { header, since: now, fragments, missing: usize::from(count), bytes: 0 });
        self.partials.len() - 1
    }

    fn keep(&mut self, counts: bool, wanted: &dyn Fn(&Partial) -> bool) {
        let Self { partials, given_up } = self;
        partials.retain(|partial| {
            let keep = wanted(partial);
            if counts && !keep {
                given_up.push(partial.header.handle);
            }
            keep
        });
    }

    fn give_up(&mut self, at: usize) {
        self.given_up.push(self.partials.remove(at).header.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u32) -> FrameHeader {
        FrameHeader { handle: 1, number, key_id: None, timestamp: Some(0) }
    }

    fn packets(number: u32, payload: &[u8]) -> Vec<Vec<u8>> {
        let header = header(number);
        (0..header.fragments(payload.len(), 1_200)).map(|i| header.packet(payload, i, 1_200)).collect()
    }

    fn take(assembly: &mut Assembly, now: u64, bytes: &[u8]) -> Option<Frame> {
        assembly.take(Instant(now), Packet::parse(bytes).unwrap())
    }

    #[test]
    fn packets_of_several_frames_may_come_in_any_order_and_twice() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let frames: Vec<Vec<u8>> =
                (0..3).map(|n| (0..random.usize(0..8_000)).map(|i| (i + n) as u8).collect()).collect();
            let mut all: Vec<_> = (1..).zip(&frames).flat_map(|(n, payload)| packets(n, payload)).collect();
            let again: Vec<_> = all.iter().filter(|packet| packet.len() > 1_100).cloned().collect();
            random.shuffle(&mut all);
            let mut assembly = Assembly::default();
            let mut complete = Vec::new();
            for packet in &all {
                complete.extend(take(&mut assembly, 0, packet));
                if !again.is_empty() && random.bool() {
                    // What is complete begins anew by this; the track knows that it had it.
                    let _ = take(&mut assembly, 0, random.choice(&again).unwrap());
                }
            }
            for frame in complete {
                assert_eq!(frame.header.timestamp, Some(0));
                assert!(*frame.payload == *frames[frame.header.number as usize - 1]);
            }
        }
    }

    #[test]
    fn a_frame_that_stays_incomplete_is_given_up_in_time() {
        let mut assembly = Assembly::default();
        let packets = packets(1, &[1; 3_000]);
        take(&mut assembly, 0, &packets[0]);
        take(&mut assembly, PARTIAL_FRAME_MS - 1, &packets[1]);
        assert_eq!(take(&mut assembly, PARTIAL_FRAME_MS, &packets[2]), None);
        assert_eq!(assembly.given_up, [1]);
    }

    #[test]
    fn what_a_remote_can_occupy_is_bounded() {
        let mut assembly = Assembly::default();
        for number in 0..10_000 {
            for packet in &packets(number, &[1; 40_000])[1..] {
                take(&mut assembly, 0, packet);
            }
            let bytes: usize = assembly.partials.iter().map(|partial| partial.bytes).sum();
            assert!(assembly.partials.len() <= PARTIAL_FRAMES && bytes <= PARTIAL_FRAME_BYTES);
        }
        assert_eq!(assembly.given_up.len() + assembly.partials.len(), 10_000);
    }

    #[test]
    fn packets_that_contradict_each_other_make_no_frame() {
        let mut assembly = Assembly::default();
        let two = packets(1, &[1; 1_500]);
        let three = packets(1, &[2; 3_000]);
        assert_eq!((two.len(), three.len()), (2, 3));
        take(&mut assembly, 0, &two[0]);
        assert_eq!(take(&mut assembly, 0, &three[1]), None);
        assert_eq!(*take(&mut assembly, 0, &two[1]).unwrap().payload, [1; 1_500]);
    }

    #[test]
    fn a_frame_that_is_too_long_is_given_up() {
        let mut assembly = Assembly::default();
        let count = 400;
        for index in 0..count {
            let packet = Packet { frame: header(1), index, count, payload: &[0; 16_000] };
            assert_eq!(assembly.take(Instant(0), packet), None);
        }
        assert!(!assembly.given_up.is_empty());
    }
}
