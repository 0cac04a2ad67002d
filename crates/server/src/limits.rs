//! Every bound of the server in one place.

use metered_protocol::limits;

/// The limits a server enforces. 0 switches a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame taken from a client, in bytes; a longer one closes its connection with 1009. Advertised as
    /// `welcome.maxMessageSize`. Switched off, it is [`Limits::MESSAGE_BYTES_CEILING`].
    pub message_bytes: u32,
    /// Channels that one connection may be subscribed to.
    pub channels_per_connection: u32,
    /// Frames per second that a connection may send in the long run; more close it with 4011.
    pub messages_per_second: u32,
    /// Frames that a connection may send at once before [`Limits::messages_per_second`] applies.
    pub message_burst: u32,
    /// REST requests per second that a secret key may make in the long run; more are answered with 429.
    pub requests_per_second: u32,
    /// REST requests that a secret key may make at once before [`Limits::requests_per_second`] applies.
    pub request_burst: u32,
    /// REST requests without a valid key that one address may make in a minute; then it is answered with 429 for a
    /// while, whatever key it has.
    pub failed_requests_per_address: u32,
    /// Connections that one address may open in [`Limits::connection_window_ms`]; more are closed with 4010.
    pub connections_per_address: u32,
    /// The window of [`Limits::connections_per_address`], in milliseconds.
    pub connection_window_ms: u64,
    /// Largest `peerMetadata` claim, in bytes of JSON.
    pub peer_metadata_bytes: usize,
    /// Largest `metadata` claim, in bytes of JSON.
    pub metadata_bytes: usize,
    /// Bytes that may wait for one connection's socket. A consumer that lets more pile up is closed with 1008.
    pub outbound_queue_bytes: usize,
    /// Bytes that may wait for all sockets together. Over it, a connection that has more waiting than the average is
    /// closed with 1008.
    pub outbound_total_bytes: usize,
    /// How long, in milliseconds, a client may take to send the head of its request, and before that for TLS.
    pub handshake_timeout_ms: u64,
    /// Silence, in milliseconds, after which a connection counts as dead. A client that is alive answers the
    /// WebSocket pings that are sent at a third of it.
    pub idle_timeout_ms: u64,
    /// How long, in milliseconds, changes of a channel's presence are gathered to be told together, once something has
    /// been told; the first one after a quiet moment is told at once. 0 gathers nothing.
    pub presence_tick_ms: u64,
    /// How long, in milliseconds, a session is kept after its socket broke: its peer stays present, and what it
    /// misses is kept. 0 switches resuming off altogether, tokens included.
    pub resume_grace_ms: u64,
    /// Bytes that are kept for one session to be sent again. A client that has missed more starts afresh.
    pub resume_session_bytes: usize,
    /// Frames that are kept for one session to be sent again.
    pub resume_session_frames: usize,
    /// Bytes that are kept for all sessions together; a broadcast counts once. Over it, a session that is sent
    /// something keeps nothing, and a client that misses something meanwhile starts afresh.
    pub resume_total_bytes: usize,
    /// Sessions that may wait for their clients to come back; one more ends the one that has waited longest.
    pub detached_sessions: u32,
    /// How long, in seconds, a resume token keeps a peer's id for it once its session is over.
    pub resume_token_seconds: u64,
}

impl Limits {
    /// The longest frame that is taken even with [`Limits::message_bytes`] switched off.
    pub const MESSAGE_BYTES_CEILING: u32 = 16 * 1024 * 1024;

    /// The longest frame that is taken from a client, in bytes.
    pub fn max_message_bytes(&self) -> u32 {
        match self.message_bytes {
            0 => Self::MESSAGE_BYTES_CEILING,
            bytes => bytes.min(Self::MESSAGE_BYTES_CEILING),
        }
    }
}

impl Default for Limits {
    /// The limits of the protocol.
    fn default() -> Self {
        Self {
            message_bytes: limits::MAX_MESSAGE_SIZE,
            channels_per_connection: limits::MAX_CHANNELS_PER_CONNECTION as u32,
            messages_per_second: limits::MESSAGE_RATE_PER_SECOND,
            message_burst: limits::MESSAGE_RATE_BURST,
            requests_per_second: 200,
            request_burst: 1000,
            failed_requests_per_address: 60,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            connection_window_ms: limits::CONNECTION_RATE_WINDOW_MS,
            peer_metadata_bytes: limits::MAX_PEER_METADATA_BYTES,
            metadata_bytes: limits::MAX_METADATA_BYTES,
            outbound_queue_bytes: 4 * 1024 * 1024,
            outbound_total_bytes: 256 * 1024 * 1024,
            handshake_timeout_ms: 10_000,
            idle_timeout_ms: 90_000,
            presence_tick_ms: 20,
            resume_grace_ms: 15_000,
            resume_session_bytes: 256 * 1024,
            resume_session_frames: 1024,
            resume_total_bytes: 64 * 1024 * 1024,
            detached_sessions: 10_000,
            resume_token_seconds: 7 * 24 * 60 * 60,
        }
    }
}

/// Whether a value lies over a limit that is not switched off.
pub(crate) fn exceeds(limit: usize, value: usize) -> bool {
    limit != 0 && value > limit
}
