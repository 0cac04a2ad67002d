//! The limits of the wire protocol, in the units the wire uses.
//!
//! Lengths of names are UTF-16 code units: what `String.prototype.length` counts, so that every SDK draws
//! the line at the same place.

/// Longest inbound frame a server takes, in bytes; a longer one closes the connection with 1009.
/// Advertised as `welcome.maxMessageSize`.
pub const MAX_MESSAGE_SIZE: u32 = 65_536;

/// Longest frame a client takes from a server, in bytes. Longer ones are dropped.
pub const MAX_CLIENT_INBOUND_FRAME: usize = 1024 * 1024;

/// Longest channel name, in UTF-16 code units.
pub const MAX_CHANNEL_LENGTH: usize = 256;

/// Longest peer id, in characters (printable ASCII).
pub const MAX_PEER_ID_LENGTH: usize = 128;

/// Longest request id, in UTF-16 code units.
pub const MAX_REQUEST_ID_LENGTH: usize = 128;

/// Most channels one connection may be subscribed to.
pub const MAX_CHANNELS_PER_CONNECTION: usize = 100;

/// Most remote peers a client keeps for one channel.
pub const MAX_PEERS_PER_CHANNEL: usize = 256;

/// Sustained messages per second that one connection may send; more closes it with 4011.
pub const MESSAGE_RATE_PER_SECOND: u32 = 100;

/// Messages that one connection may send in a burst before the sustained rate applies.
pub const MESSAGE_RATE_BURST: u32 = 200;

/// Connections that one IP address may open in [`CONNECTION_RATE_WINDOW_MS`].
pub const CONNECTIONS_PER_ADDRESS: u32 = 60;

/// The window of [`CONNECTIONS_PER_ADDRESS`], in milliseconds.
pub const CONNECTION_RATE_WINDOW_MS: u64 = 60_000;

/// Largest `peerMetadata` claim, in bytes of serialized JSON.
pub const MAX_PEER_METADATA_BYTES: usize = 4 * 1024;

/// Largest `metadata` claim, in bytes of serialized JSON.
pub const MAX_METADATA_BYTES: usize = 8 * 1024;

/// Candidates that one remote description may bring; more are dropped.
pub const MAX_CANDIDATES: usize = 200;

/// Longest `candidate` attribute, in bytes; longer ones are dropped.
pub const MAX_CANDIDATE_LENGTH: usize = 1000;

/// Longest SDP taken from a remote peer, in bytes: the server's frame limit bounds it already, a client's own
/// bound holds on any server.
pub const MAX_SDP_LENGTH: usize = 256 * 1024;

/// Most ICE servers taken from one welcome.
pub const MAX_ICE_SERVERS: usize = 16;

/// Most URLs taken from one ICE server.
pub const MAX_ICE_SERVER_URLS: usize = 16;

/// Longest URL, user name or credential of an ICE server, in bytes.
pub const MAX_ICE_SERVER_FIELD: usize = 1024;

/// Prefixes of channel names that the service keeps for itself, compared without regard to ASCII case.
pub const RESERVED_CHANNEL_PREFIXES: [&str; 3] = ["_metered/", "_internal/", "_system/"];
