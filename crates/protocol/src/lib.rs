//! The wire: what client and server say to each other, and what two peers say through them.
//!
//! One WebSocket text frame is one JSON object with a string `type`. This crate is the only door between
//! that text and the rest of the project: on the way in it turns JSON into domain types or into a
//! [`Malformed`] that names what was wrong, on the way out it builds the text. Nothing else in the project
//! knows a field name of the wire.
//!
//! Two things keep it usable from a browser and from a server alike:
//!
//! - Inbound JSON is read through the [`Value`] trait. In the browser that is the object that `JSON.parse`
//!   made, read in place; natively (feature `serde`) it is a `serde_json::Value`. The user's payload is never
//!   looked into: it stays a `V` from the frame to the handler.
//! - Outbound payloads are JSON text already ([`ToJson`]), or are spliced in by the caller
//!   ([`ClientRequest::head`]), so that a payload is serialized once.
//!
//! The crate performs no IO, keeps no clock, and does not panic on any input.

mod client_frame;
mod codes;
mod data_track_control;
mod data_track_packet;
mod fields;
mod ice_server;
mod ids;
mod json;
mod secret;
mod server_frame;
mod signal;
mod url;
mod value;

pub mod limits;

pub use client_frame::{ClientFrame, ClientRequest, encode_frame};
pub use codes::{CloseCode, ErrorCode, Retry};
pub use data_track_control::{
    ANNOUNCEMENT_TRACK_ID, Announcement, MAX_DATA_TRACK_NAME, MAX_DATA_TRACKS, TrackControl, TrackWord,
    is_data_track_name,
};
pub use data_track_packet::{
    ENCRYPTION_BYTES, FrameHeader, MAX_FRAME_BYTES, MAX_PACKET_BYTES, MIN_PACKET_BYTES, Packet,
};
pub use fields::Field;
pub use ids::{Channel, InvalidName, PeerId, RequestId};
pub use json::{ToJson, read_number, write_number, write_string};
pub use secret::Secret;
pub use server_frame::{Message, PresencePeer, Resume, ServerError, ServerFrame, Welcome};
pub use signal::{Candidate, Description, Fingerprint, Generation, SdpType, Signal, TrackMeta};
pub use url::{InvalidUrl, ServerUrl};
pub use value::{Malformed, TakePeer, Value};

#[cfg(feature = "serde")]
pub use client_frame::{ClientFrameError, RawJson};
