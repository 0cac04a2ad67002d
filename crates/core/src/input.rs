//! What the driver tells the core.

use metered_protocol::{Candidate, Channel, CloseCode, Description, PeerId, Secret, TrackMeta};

use crate::ids::{CallId, ConnectionId, OperationId, RemoteId, SocketId};
use crate::output::JsonText;

/// Something that happened. `V` is the user's JSON: inbound a parsed value, outbound whatever the driver can
/// splice into a frame.
#[derive(Clone, Debug)]
pub enum Input<V> {
    /// The application called a method. Answered by one [`crate::Output::Settle`] with the same id.
    Call(CallId, Call<V>),
    /// Nobody waits for this call any more. What was sent stays sent; a connect or a join under way is given up.
    Aborted(CallId),
    /// A socket did something.
    Socket(SocketId, SocketEvent<V>),
    /// The token that [`crate::Command::FetchToken`] asked for, or why there is none.
    Token(OperationId, Result<Secret, TokenFailure<V>>),
    /// A peer connection did something.
    Connection(ConnectionId, ConnectionEvent<V>),
    /// There is reason to doubt the connection, or hope for one: the network is back, the page became visible, the
    /// machine woke up. A connection is probed at once, a backoff ends.
    CheckLink,
    /// Tell a remote this about a track, before the offer that carries it. Nobody hears of the end of it.
    DescribeTrack(RemoteId, TrackMeta<JsonText>),
    /// The moment of [`crate::Core::poll_timeout`] has come. Harmless at any other moment.
    Timeout,
}

/// A method call. Names are checked already; sizes and states are the core's to judge.
#[derive(Clone, Debug)]
pub enum Call<V> {
    /// `SignallingClient.connect()`.
    Connect,
    /// `SignallingClient.close(code, reason)`, or `MeteredPeer.close(reason)`, which sends code 1000.
    Close {
        /// The WebSocket close code.
        code: CloseCode,
        /// The reason, for the server or for the `left` event. At most 123 bytes reach a server.
        reason: Option<String>,
    },
    /// `SignallingClient.subscribe()`.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// Whether messages shall carry their senders' metadata.
        include_sender_metadata: bool,
    },
    /// `SignallingClient.unsubscribe()`.
    Unsubscribe {
        /// The channel.
        channel: Channel,
    },
    /// `SignallingClient.publish()`.
    Publish {
        /// The channel.
        channel: Channel,
        /// The payload.
        data: Measured<V>,
    },
    /// `SignallingClient.send()`, `MeteredPeer.sendTo()`, `RemotePeer.send()`.
    SendTo {
        /// The receiver.
        to: PeerId,
        /// The payload.
        data: Measured<V>,
    },
    /// `MeteredPeer.join()`.
    Join {
        /// The channel.
        channel: Channel,
        /// Whether messages shall carry their senders' metadata.
        include_sender_metadata: bool,
    },
    /// `MeteredPeer.send()`: publish to the joined channel.
    Broadcast {
        /// The payload.
        data: Measured<V>,
    },
}

/// A payload and the length of its JSON text in UTF-8 bytes.
#[derive(Clone, Debug)]
pub struct Measured<V> {
    /// The payload.
    pub value: V,
    /// Bytes of its JSON text.
    pub bytes: usize,
}

/// What a WebSocket did.
#[derive(Clone, Debug)]
pub enum SocketEvent<V> {
    /// A text frame that was JSON.
    Frame(V),
    /// A frame that was not: binary, too long, or not JSON. Counts as a sign of life.
    Garbage,
    /// The socket is closed, or could not even be constructed (code 1006). Nothing follows.
    Closed {
        /// The close code.
        code: CloseCode,
        /// The close reason.
        reason: String,
    },
}

/// Why a token provider gave no token.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenFailure<V> {
    /// It threw or rejected with this.
    Threw(V),
    /// It answered something that is not a token.
    NotAToken,
    /// It took longer than `tokenProviderTimeoutMs`.
    TimedOut,
}

/// What an `RTCPeerConnection` did.
#[derive(Clone, Debug)]
pub enum ConnectionEvent<V> {
    /// `negotiationneeded`.
    NegotiationNeeded,
    /// `icecandidate`; `None` when gathering is complete.
    Candidate(Option<Candidate>),
    /// `connectionstatechange`.
    State(ConnectionState),
    /// An operation of [`crate::Command::Operate`] ended.
    Done(OperationId, Result<Outcome, V>),
}

/// `RTCPeerConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ConnectionState {
    New,
    Connecting,
    Connected,
    Disconnected,
    Failed,
    Closed,
}

/// The result of an operation on a peer connection.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A description was applied, or a candidate added.
    Applied,
    /// An offer or answer was created.
    Created(Description),
}
