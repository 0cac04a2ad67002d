//! A frame on its way out.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use metered_protocol::{RawJson, ServerFrame, ToJson};

/// A text frame to a client, as a WebSocket carries it. Cheap to clone: everyone who gets it shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
    /// How long the header of the WebSocket frame is.
    header: u8,
    read_alone: bool,
    numbered: bool,
}

/// The longest header of a frame that is not masked.
const HEADER_BYTES: usize = 10;

impl Frame {
    /// What a server says, as it goes over the wire.
    pub fn encode(frame: &ServerFrame<RawJson>) -> Self {
        // The text is written once, behind room for any header.
        let mut text = String::with_capacity(HEADER_BYTES + 182);
        text.push_str("\0\0\0\0\0\0\0\0\0\0");
        frame.write_json(&mut text);
        let mut wire = text.into_bytes();
        let header = header(wire.len() - HEADER_BYTES);
        let begin = HEADER_BYTES - header.len();
        if let Some(room) = wire.get_mut(begin..HEADER_BYTES) {
            room.copy_from_slice(&header);
        }
        let (wire, header) = (Bytes::from(wire).slice(begin..), header.len() as u8);
        Self { wire, header, read_alone: false, numbered: false }
    }

    /// The header and the text, ready to be written.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// How long the text is, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no frame is empty")]
    pub fn len(&self) -> usize {
        self.wire.len() - usize::from(self.header)
    }

    /// The same frame, marked as one that its client had better read alone.
    pub(super) fn read_alone(self) -> Self {
        Self { read_alone: true, ..self }
    }

    /// The same frame, marked as one that counts in its session.
    pub(super) fn numbered(self) -> Self {
        Self { numbered: true, ..self }
    }

    /// Whether the frame counts in [`Hub::has_read`](super::Hub::has_read): it is a `message`, `direct` or
    /// `presence`.
    pub fn is_numbered(&self) -> bool {
        self.numbered
    }

    /// Whether a driver of real sockets does its clients a favour by sending nothing more until they have read
    /// this frame.
    ///
    /// It does for the `ack` of a subscribe. The official JavaScript SDK listens for the channel's snapshot only once
    /// the code that awaited the `ack` has run; in Node its WebSocket emits all that one read has brought before
    /// any such code runs, and the roster would be lost.
    pub fn is_read_alone(&self) -> bool {
        self.read_alone
    }
}

/// The header of a text frame that is the whole message, as RFC 6455 has it.
fn header(length: usize) -> Vec<u8> {
    const FINAL_TEXT: u8 = 0x81;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => vec![FINAL_TEXT, short],
        (_, Ok(medium)) => [&[FINAL_TEXT, 126][..], &medium.to_be_bytes()].concat(),
        _ => [&[FINAL_TEXT, 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

/// The text.
impl Deref for Frame {
    type Target = str;

    fn deref(&self) -> &str {
        let text = self.wire.get(self.header.into()..).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The frame's length and not its text: a payload is its users' and a welcome may hold credentials.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use metered_protocol::{Message, PeerId};

    use super::*;

    #[test]
    fn a_frame_of_any_length_is_what_a_websocket_carries() {
        for length in [0, 60, 61, 62, 63, 64, 1000, 65_470, 65_480, 65_500, 70_000] {
            let data = RawJson::from_value(&"x".repeat(length).as_str().into());
            let from = PeerId::parse("alice").unwrap();
            let frame = Frame::encode(&ServerFrame::Message(Message {
                channel: None,
                from,
                from_metadata: None,
                data,
            }));
            assert_eq!(frame.len(), frame.to_string().len());
            let message = tungstenite::Message::text(frame.to_string());
            let mut wire = Vec::new();
            let tungstenite::Message::Text(text) = message else { panic!("no text") };
            let payload = tungstenite::Bytes::from(text);
            tungstenite::protocol::frame::Frame::message(
                payload,
                tungstenite::protocol::frame::coding::OpCode::Data(
                    tungstenite::protocol::frame::coding::Data::Text,
                ),
                true,
            )
            .format(&mut wire)
            .unwrap();
            assert!(frame.wire() == &wire, "{length}");
        }
    }
}
