//! The core: everything this project decides, and nothing it does.
//!
//! [`Core`] is a state machine without IO. It knows no socket, no browser, no clock and no randomness: what
//! happens is told to it as [`Input`] with the time it happened, and what shall be done it answers as
//! [`Output`]. The same inputs with the same seed give the same outputs, on any platform, which is what lets
//! a simulator prove it and replay a failure.
//!
//! ```text
//!   application ─► Input::Call ──┐                 ┌─► Output::Command ─► sockets, peer connections
//!   socket ─► Input::Socket ─────┤  handle_input   │
//!   token ─► Input::Token ───────┼────► Core ──────┼─► Output::Event ───► application's handlers
//!   connection ─► Input::Conn… ──┤   poll_output   │
//!   clock ─► Input::Timeout ─────┘                 └─► Output::Settle ──► promises
//! ```
//!
//! Inside are two machines. [`signalling`] keeps one connection to the server up and pairs requests with their
//! answers; it is all that a `SignallingClient` needs. [`room`] stands on it and keeps a roster and a
//! [`negotiation`] per remote peer; together they are a `MeteredPeer`. Beside them, [`SendGate`] is the
//! backpressure of one data channel, and [`DataTracks`] the data tracks of a room.

mod config;
mod core;
mod data_tracks;
mod ids;
mod input;
mod negotiation;
mod output;
mod queue;
mod room;
mod send_gate;
mod signalling;
mod time;
mod timers;

pub mod limits;

pub use config::{Config, Credential, InvalidReconnect, Reconnect};
pub(crate) use core::Outbox;
pub use core::{Core, RemoteView};
pub use data_tracks::{
    DataTracks, Frame, PublishRefusal, PushRefusal, ReceiveCounts, SendCounts, StreamEnd, TracksOutput,
};
pub use ids::{CallId, ConnectionId, OperationId, RemoteId, SocketId, StreamId};
pub use input::{
    Call, ConnectionEvent, ConnectionState, Input, Measured, Outcome, SocketEvent, TokenFailure,
};
pub use output::{
    CallError, Command, Connected, Event, FrameText, JsonText, Level, Operation, Output, RemoteEvent,
    RemoteState, RoomError, RoomEvent, RoomState, SendRefusal, SignallingEvent, SignallingState,
};
pub use send_gate::{Admission, SendGate};
pub use time::Instant;
