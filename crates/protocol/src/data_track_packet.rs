//! Packets of data tracks: what carries a frame over the frames channel.
//!
//! ```text
//!   0               1               2               3
//!  +-------+-------+---------------+-------------------------------+
//!  |version| flags |    key id     |         track handle          |
//!  +-------+-------+---------------+-------------------------------+
//!  |                         frame number                          |
//!  +-------------------------------+-------------------------------+
//!  |        fragment index         |        fragment count         |
//!  +-------------------------------+-------------------------------+
//!  |   user timestamp, 64 bits, in the first fragment if flagged   |
//!  +---------------------------------------------------------------+
//! ```
//!
//! Big endian. Each fragment says which it is and how many there are, so they may arrive in any order, and a frame without
//! a byte is one fragment without a byte.

/// Longest packet that is sent, header included, in bytes. Every stack takes it in one message, and messages of several
/// tracks can take turns.
pub const MAX_PACKET_BYTES: usize = 16_000;
/// Shortest limit that a remote may set, in bytes: what fits into one datagram everywhere.
pub const MIN_PACKET_BYTES: usize = 1_200;
/// Longest payload of a frame, in bytes. An encrypted one has [`ENCRYPTION_BYTES`] more.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// What AES-GCM adds to a payload, in bytes.
pub const ENCRYPTION_BYTES: usize = 16;
/// Most fragments of a frame: those of the longest, in the shortest packets.
const MAX_FRAGMENTS: u16 =
    ((MAX_FRAME_BYTES + ENCRYPTION_BYTES).div_ceil(MIN_PACKET_BYTES - HEADER_BYTES - TIMESTAMP_BYTES)) as u16;

/// Length of the fixed header, in bytes.
const HEADER_BYTES: usize = 12;
/// Length of the user timestamp, in bytes.
const TIMESTAMP_BYTES: usize = 8;

const VERSION: u8 = 1;
const HAS_TIMESTAMP: u8 = 1;
const ENCRYPTED: u8 = 2;

/// What all packets of a frame say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The publisher's number for the track.
    pub handle: u16,
    /// The frame's number within the track. Wraps.
    pub number: u32,
    /// The key the payload is encrypted with, if it is.
    pub key_id: Option<u8>,
    /// The user's timestamp.
    pub timestamp: Option<u64>,
}

impl FrameHeader {
    /// What encryption authenticates besides the payload: the header without its fragment, and the timestamp.
    pub fn associated_data(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_start(&mut out);
        self.write_timestamp(&mut out);
        out
    }

    /// How many bytes of payload a packet of this frame carries, where packets are so long. The first of a frame with a
    /// timestamp carries [`TIMESTAMP_BYTES`] less.
    fn room(&self, max_packet: usize) -> usize {
        max_packet.clamp(MIN_PACKET_BYTES, MAX_PACKET_BYTES) - HEADER_BYTES
    }

    fn timestamp_bytes(&self) -> usize {
        if self.timestamp.is_some() { TIMESTAMP_BYTES } else { 0 }
    }

    /// How many packets a payload takes.
    pub fn fragments(&self, payload: usize, max_packet: usize) -> u16 {
        (payload + self.timestamp_bytes()).div_ceil(self.room(max_packet)).max(1) as u16
    }

    /// The packet of a fragment, the header and its part of the payload. The longest payload has fewer than
    /// [`MAX_FRAGMENTS`].
    pub fn packet(&self, payload: &[u8], index: u16, max_packet: usize) -> Vec<u8> {
        let room = self.room(max_packet);
        // The timestamp is counted as if it were the payload's beginning.
        let begin = (usize::from(index) * room).saturating_sub(self.timestamp_bytes());
        let end = ((usize::from(index) + 1) * room - self.timestamp_bytes()).min(payload.len());
        let part = payload.get(begin..end).unwrap_or_default();
        let mut out = Vec::with_capacity(HEADER_BYTES + TIMESTAMP_BYTES + part.len());
        self.write_start(&mut out);
        out.extend_from_slice(&index.to_be_bytes());
        out.extend_from_slice(&self.fragments(payload.len(), max_packet).to_be_bytes());
        if index == 0 {
            self.write_timestamp(&mut out);
        }
        out.extend_from_slice(part);
        out
    }

    fn write_start(&self, out: &mut Vec<u8>) {
        let timestamp = if self.timestamp.is_some() { HAS_TIMESTAMP } else { 0 };
        let encrypted = if self.key_id.is_some() { ENCRYPTED } else { 0 };
        out.extend_from_slice(&[VERSION << 4 | timestamp | encrypted, self.key_id.unwrap_or(0)]);
        out.extend_from_slice(&self.handle.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
    }

    fn write_timestamp(&self, out: &mut Vec<u8>) {
        if let Some(timestamp) = self.timestamp {
            out.extend_from_slice(&timestamp.to_be_bytes());
        }
    }
}

/// A packet as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it says about its frame. The timestamp is there in the first fragment only.
    pub frame: FrameHeader,
    /// Which fragment it is.
    pub index: u16,
    /// How many there are.
    pub count: u16,
    /// Its part of the payload.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` for what is none, or one of another version.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[start, key_id, h0, h1, n0, n1, n2, n3, i0, i1, c0, c1], rest) =
            bytes.split_first_chunk::<HEADER_BYTES>()?;
        let (index, count) = (u16::from_be_bytes([i0, i1]), u16::from_be_bytes([c0, c1]));
        let flags = start & 15;
        if start >> 4 != VERSION || flags & !(HAS_TIMESTAMP | ENCRYPTED) != 0 {
            return None;
        }
        if index >= count || count > MAX_FRAGMENTS {
            return None;
        }
        let (timestamp, payload) = if flags & HAS_TIMESTAMP != 0 && index == 0 {
            let (timestamp, payload) = rest.split_first_chunk::<TIMESTAMP_BYTES>()?;
            (Some(u64::from_be_bytes(*timestamp)), payload)
        } else {
            (None, rest)
        };
        let frame = FrameHeader {
            handle: u16::from_be_bytes([h0, h1]),
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            key_id: (flags & ENCRYPTED != 0).then_some(key_id),
            timestamp,
        };
        Some(Self { frame, index, count, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: FrameHeader =
        FrameHeader { handle: 0x0102, number: 0x03040506, key_id: None, timestamp: None };

    /// Sends a payload and puts it together again, in order.
    fn there_and_back(frame: FrameHeader, payload: &[u8], max_packet: usize) -> (Vec<u8>, u16) {
        let count = frame.fragments(payload.len(), max_packet);
        let mut back = Vec::new();
        for index in 0..count {
            let bytes = frame.packet(payload, index, max_packet);
            assert!(bytes.len() <= max_packet);
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!((packet.index, packet.count), (index, count));
            let said = FrameHeader { timestamp: frame.timestamp.filter(|_| index == 0), ..frame };
            assert_eq!(packet.frame, said);
            back.extend_from_slice(packet.payload);
        }
        (back, count)
    }

    #[test]
    fn a_packet_has_the_layout_that_is_drawn() {
        let frame = FrameHeader { key_id: Some(7), timestamp: Some(0x1112131415161718), ..FRAME };
        assert_eq!(
            frame.packet(b"hi", 0, MAX_PACKET_BYTES),
            [
                0x13, 7, 1, 2, 3, 4, 5, 6, 0, 0, 0, 1, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, b'h',
                b'i'
            ]
        );
        assert_eq!(FRAME.packet(b"", 0, MAX_PACKET_BYTES), [0x10, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 1]);
    }

    #[test]
    fn frames_of_every_length_around_a_packets_survive() {
        for timestamp in [None, Some(0), Some(u64::MAX)] {
            let frame = FrameHeader { timestamp, ..FRAME };
            let room = 1_200 - HEADER_BYTES - frame.timestamp_bytes();
            for length in [0, 1, room - 1, room, room + 1, 2 * room, 10 * room + 1] {
                let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
                let (back, count) = there_and_back(frame, &payload, 1_200);
                assert!(back == payload, "{length} bytes, {timestamp:?}");
                assert_eq!(count == 1, length <= room, "{length} bytes, {timestamp:?}");
            }
        }
    }

    #[test]
    fn the_longest_frame_survives_in_the_shortest_packets() {
        let payload = vec![9; MAX_FRAME_BYTES + ENCRYPTION_BYTES];
        let frame = FrameHeader { key_id: Some(255), timestamp: Some(1), ..FRAME };
        for max_packet in [0, MIN_PACKET_BYTES, MAX_PACKET_BYTES, usize::MAX] {
            let (back, count) = there_and_back(frame, &payload, max_packet.clamp(1_200, 16_000));
            assert!(back == payload);
            assert!(count <= MAX_FRAGMENTS);
        }
    }

    #[test]
    fn what_encryption_authenticates_is_the_same_for_every_fragment() {
        let frame = FrameHeader { key_id: Some(1), timestamp: Some(5), ..FRAME };
        assert_eq!(frame.associated_data(), [0x13, 1, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let good = FRAME.packet(b"payload", 0, MAX_PACKET_BYTES);
        assert!(Packet::parse(&good).is_some());
        for length in 0..HEADER_BYTES {
            assert_eq!(Packet::parse(&good[..length]), None, "{length} bytes");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(Packet::parse(&with(0, 0x20)), None, "another version");
        assert_eq!(Packet::parse(&with(0, 0x14)), None, "an unknown flag");
        assert_eq!(Packet::parse(&with(9, 1)), None, "an index beyond the count");
        assert_eq!(Packet::parse(&with(11, 0)), None, "no fragment at all");
        assert_eq!(Packet::parse(&with(10, 0xff)), None, "more fragments than any frame has");
        let mut short = FrameHeader { timestamp: Some(1), ..FRAME }.packet(b"", 0, MAX_PACKET_BYTES);
        short.pop();
        assert_eq!(Packet::parse(&short), None, "half a timestamp");
    }
}
