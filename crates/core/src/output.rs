//! What the core tells the driver.

use std::rc::Rc;

use metered_protocol::{
    Candidate, Channel, CloseCode, Description, Message, PeerId, PresencePeer, RequestId, Secret,
    ServerError, ToJson, TrackMeta, Welcome,
};

use crate::ids::{CallId, ConnectionId, OperationId, RemoteId, SocketId};
use crate::input::TokenFailure;

/// Something for the driver to do, in this order.
#[derive(Clone, Debug)]
pub enum Output<V> {
    /// Do this to the outside world.
    Command(Command<V>),
    /// Tell the application.
    Event(Event<V>),
    /// Settle the promise of a call.
    Settle(CallId, Result<(), CallError<V>>),
    /// Tell the logger.
    Log(Level, &'static str),
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
}

/// An action on the outside world.
#[derive(Clone, Debug)]
pub enum Command<V> {
    /// Open a WebSocket. A constructor that throws is reported as closed with 1006.
    OpenSocket(SocketId, Secret),
    /// Send a frame on an open socket.
    SendFrame(SocketId, FrameText<V>),
    /// Close a socket. Its `Closed` is still reported.
    CloseSocket(SocketId, CloseCode, String),
    /// Ask the token provider.
    FetchToken(OperationId),
    /// Construct an `RTCPeerConnection` and, if this is the remote's first, the remote peer itself.
    CreateConnection {
        /// The new connection.
        connection: ConnectionId,
        /// Whose it is.
        remote: RemoteId,
        /// That remote's peer id.
        peer_id: PeerId,
        /// The ICE servers to configure.
        ice_servers: Rc<[V]>,
    },
    /// Configure a connection with other ICE servers, for its next gathering.
    SetIceServers(ConnectionId, Rc<[V]>),
    /// Do one step of a negotiation; its end is reported by [`crate::ConnectionEvent::Done`].
    Operate(ConnectionId, OperationId, Operation),
    /// Close a connection and forget it; it reports nothing more.
    CloseConnection(ConnectionId),
}

/// One asynchronous method of `RTCPeerConnection`.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `createOffer({iceRestart})`.
    CreateOffer {
        /// Whether to gather and check candidates afresh.
        ice_restart: bool,
    },
    /// `createAnswer()`.
    CreateAnswer,
    /// `setLocalDescription(description)`.
    SetLocal(Description),
    /// `setLocalDescription({type: "rollback"})`.
    Rollback,
    /// `setRemoteDescription(description)`.
    SetRemote(Description),
    /// `addIceCandidate(candidate)`; `None` for the end of candidates.
    AddCandidate(Option<Candidate>),
}

/// The text of an outbound frame: `head`, or with a payload of the user's, `head`, that as JSON text, and `}`.
#[derive(Clone, Debug)]
pub struct FrameText<V> {
    /// The text, up to the payload if there is one.
    pub head: String,
    /// The payload.
    pub payload: Option<V>,
}

impl<V: ToJson> ToJson for FrameText<V> {
    fn write_json(&self, out: &mut String) {
        out.push_str(&self.head);
        if let Some(payload) = &self.payload {
            payload.write_json(out);
            out.push('}');
        }
    }
}

/// JSON text.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonText(pub String);

impl ToJson for JsonText {
    fn write_json(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// Something for the application to hear of.
#[derive(Clone, Debug)]
pub enum Event<V> {
    /// An event of a `SignallingClient`.
    Signalling(SignallingEvent<V>),
    /// An event of a `MeteredPeer`.
    Room(RoomEvent<V>),
    /// An event of a `RemotePeer`.
    Remote(RemoteId, RemoteEvent<V>),
}

/// An event of a `SignallingClient`.
#[derive(Clone, Debug)]
pub enum SignallingEvent<V> {
    /// A welcome arrived.
    Connected(Connected<V>),
    /// A connection closed, after the first success; also by `close()`.
    Disconnected {
        /// The close code.
        code: CloseCode,
        /// The close reason.
        reason: String,
        /// Whether another attempt follows.
        will_reconnect: bool,
    },
    /// The state changed.
    StateChange {
        /// From this.
        from: SignallingState,
        /// To this.
        to: SignallingState,
    },
    /// A message to a subscribed channel, or to our peer id.
    Message {
        /// What it says.
        message: Message<V>,
        /// The frame that it came in, of which a driver can show the application what the message says.
        frame: V,
    },
    /// A channel's roster or a change of it.
    Presence {
        /// The channel.
        channel: Channel,
        /// Who joined. Where there is no room that has to know them, both lists are empty: `frame` has them.
        joined: Vec<PresencePeer<V>>,
        /// Who left.
        left: Vec<PresencePeer<V>>,
        /// The frame that it came in, of which a driver can show the application what the other fields say.
        frame: V,
    },
    /// An error that answers no request of ours, or one that nobody waits for any more.
    ServerError(ServerError),
    /// The server will close soon.
    GoingAway {
        /// Its hint, in milliseconds.
        retry_after_ms: u64,
    },
    /// The token provider failed, for the third time in a row or more.
    TokenProviderError {
        /// How often in a row.
        consecutive_failures: u32,
        /// Why, this time.
        failure: TokenFailure<V>,
    },
}

/// What a welcome brought.
#[derive(Clone, Debug)]
pub struct Connected<V> {
    /// What it says.
    pub welcome: Welcome<V>,
    /// False for the first welcome after `connect()`.
    pub is_reconnect: bool,
}

/// `SignallingClient.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SignallingState {
    Idle,
    Connecting,
    Connected,
    Reconnecting,
    Closed,
}

impl SignallingState {
    /// The state's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// An event of a `MeteredPeer`.
#[derive(Clone, Debug)]
pub enum RoomEvent<V> {
    /// We are in the channel.
    Joined {
        /// Our peer id.
        peer_id: PeerId,
        /// The channel.
        channel: Channel,
    },
    /// We are out, for good.
    Left {
        /// Our last peer id.
        peer_id: Option<PeerId>,
        /// The channel, if it had been joined.
        channel: Option<Channel>,
        /// The argument of `close()`, or the server's reason.
        reason: Option<String>,
    },
    /// The state changed.
    StateChange {
        /// From this.
        from: RoomState,
        /// To this.
        to: RoomState,
    },
    /// Somebody is in the room.
    PeerJoined(RemoteId),
    /// Somebody left the room, with the metadata it had. The driver lets go of the remote after this.
    PeerLeft(RemoteId, Option<V>),
    /// A payload from a peer of the room, to the whole room or to us alone.
    Data {
        /// What it says.
        message: Message<V>,
        /// The frame that it came in, of which a driver can show the application what the message says.
        frame: V,
    },
    /// Something the application must react to.
    Error(RoomError<V>),
}

/// Why a room reports an error.
#[derive(Clone, Debug)]
pub enum RoomError<V> {
    /// The server closed the connection with a code that allows no retry.
    Terminal(CloseCode),
    /// The server refused something that no request of ours asked for.
    Server(ServerError),
    /// The token provider failed several times in a row.
    TokenProvider(u32, TokenFailure<V>),
    /// `ReconcileTimeoutError`: no roster came after a reconnect, however often it was asked for.
    ReconcileTimeout,
}

/// `MeteredPeer.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RoomState {
    Idle,
    Joining,
    Joined,
    Reconnecting,
    Leaving,
    Closed,
}

impl RoomState {
    /// The state's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Joined => "joined",
            Self::Reconnecting => "reconnecting",
            Self::Leaving => "leaving",
            Self::Closed => "closed",
        }
    }
}

/// An event of a `RemotePeer`.
#[derive(Clone, Debug)]
pub enum RemoteEvent<V> {
    /// The state changed.
    StateChange {
        /// From this.
        from: RemoteState,
        /// To this.
        to: RemoteState,
    },
    /// The connection was replaced by a new one. What the application made on the old one is gone.
    ConnectionReset,
    /// The remote says this about a track.
    TrackMeta(TrackMeta<V>),
    /// What was to be sent may never have arrived, and the connection stays: what [`crate::Input::DescribeTrack`] said is
    /// to be said again. The negotiation sees to its own signals.
    SignalsLost,
    /// A step of a negotiation failed.
    NegotiationError(V),
    /// A candidate of the remote was refused.
    IceCandidateError(V),
    /// `IceRestartExhaustedError`: the connection failed, and so did every attempt to restart it.
    IceRestartExhausted,
}

/// `RemotePeer.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RemoteState {
    Idle,
    Connecting,
    Connected,
    Reconnecting,
    Closed,
}

impl RemoteState {
    /// The state's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError<V> {
    /// `SignallingConnectError`: the first attempt of a connect ended before its welcome.
    Connect(CloseCode, String),
    /// The token provider gave no token for the first attempt.
    Token(TokenFailure<V>),
    /// `ServerRequestError`: the server refused the request, whose id is there.
    Server(ServerError),
    /// `NotConnectedError`: nothing was sent.
    NotConnected,
    /// `DisconnectedError`: the connection ended between the request and its answer.
    Disconnected,
    /// `AckTimeoutError`: the server did not answer.
    AckTimeout {
        /// The request's id.
        request_id: RequestId,
        /// How long we waited, in milliseconds.
        timeout_ms: u64,
    },
    /// `OversizedPayloadError` and `MeteredPeerOversizedError`: nothing was sent.
    Oversized {
        /// Bytes of the frame.
        size: usize,
        /// Bytes that the server takes.
        cap: usize,
    },
    /// The method cannot be called in the present state.
    InvalidState,
    /// `MeteredPeerSendError`.
    Send(SendRefusal),
    /// `close()` ended the call.
    Closed,
}

/// The `code` of a `MeteredPeerSendError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefusal {
    /// The channel has a reserved prefix.
    ReservedChannel,
    /// The room is not joined.
    NotJoined,
    /// The receiver is we ourselves.
    SelfSend,
}

impl SendRefusal {
    /// The code in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReservedChannel => "reserved_channel",
            Self::NotJoined => "not_joined",
            Self::SelfSend => "self_send",
        }
    }
}
