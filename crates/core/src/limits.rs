//! The core's own times and bounds. Those of the wire are `metered_protocol::limits`, also named here.

pub use metered_protocol::limits::*;
pub use metered_protocol::{MAX_DATA_TRACKS, MAX_FRAME_BYTES};

/// How long a connection attempt waits for its welcome, in milliseconds.
pub const WELCOME_TIMEOUT_MS: u64 = 10_000;
/// How long a request waits for its answer, in milliseconds.
pub const ACK_TIMEOUT_MS: u64 = 15_000;
/// How long `close()` waits for the socket to close, in milliseconds.
pub const CLOSE_FLUSH_MS: u64 = 1_000;
/// The shortest interval between keepalives, in milliseconds.
pub const MIN_KEEPALIVE_MS: u64 = 1_000;
/// How long a server that is doubted has to answer, in milliseconds.
pub const PROBE_TIMEOUT_MS: u64 = 5_000;
/// From how late on, in milliseconds, a timer shows that the tab or the machine was asleep.
pub const LATE_MS: u64 = 2_000;
/// Pause after a token provider failed to renew a token that still holds, in milliseconds.
pub const REFRESH_RETRY_MS: u64 = 5_000;
/// Consecutive failures of a token provider from which on each is an event.
pub const TOKEN_FAILURES_BEFORE_EVENT: u32 = 3;
/// How often the replay of a subscription is tried again on one connection.
pub const REPLAY_RETRIES: u32 = 3;
/// Pause before a replay is tried again, in milliseconds.
pub const REPLAY_RETRY_DELAY_MS: u64 = 2_000;
/// Most requests about one channel that are remembered after their time is up, for an answer that comes late.
pub const OVERDUE_SUBSCRIPTIONS: usize = 16;
/// How long an offer waits for its answer before it is withdrawn, in milliseconds.
pub const ANSWER_TIMEOUT_MS: u64 = 15_000;
/// How long an offer of the remote waits for our first candidate, before ours is withdrawn for it, in milliseconds.
pub const CANDIDATE_TIMEOUT_MS: u64 = 1_000;
/// How long a connection may take to connect, from the first agreement on, before ICE is restarted, in milliseconds.
pub const CONNECT_TIMEOUT_MS: u64 = 15_000;
/// Offers in a row that may stay unanswered before the negotiation waits for the remote to move.
pub const UNANSWERED_OFFERS: u32 = 8;
/// Failed exchanges in a row before the negotiation waits for the remote or the application to move.
pub const FAILED_EXCHANGES: u32 = 3;
/// Pauses before the attempts to restart ICE after a failure, in milliseconds. The next failure is the last.
pub const ICE_RESTART_DELAYS_MS: [u64; 9] = [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
/// How long an attempt to restart ICE has, first for its answer and from there on to connect, in milliseconds.
pub const ICE_RESTART_TIMEOUT_MS: u64 = 15_000;
/// How long a connection that the other side has closed waits for news of why, in milliseconds.
pub const CLOSED_CONNECTION_MS: u64 = 300;
/// How long the roster may take after a reconnect before it is asked for again, in milliseconds.
pub const SNAPSHOT_TIMEOUT_MS: u64 = 10_000;
/// How often the roster is asked for again.
pub const SNAPSHOT_REQUESTS: u32 = 2;
/// Signals that leave at once, before they keep to [`SIGNALS_PER_SECOND`]. A server takes 200 frames.
pub const SIGNAL_BURST: u64 = 120;
/// Signals that leave per second in the long run. A server takes 100 frames.
pub const SIGNALS_PER_SECOND: u64 = 80;
/// Most signals that have left and are not answered yet.
pub const UNANSWERED_SIGNALS: usize = 120;
/// Pause between two batches of signals that wait to leave, in milliseconds.
pub const SIGNAL_PAUSE_MS: u64 = 100;
/// From how many signals on that wait or are not answered yet a description waits for candidates, which travel in it.
pub const MANY_SIGNALS: usize = 8;
/// How long such a description waits for the first, in milliseconds.
pub const FIRST_GATHERED_MS: u64 = 50;
/// How long it waits from there on for others, in milliseconds.
pub const GATHERING_MS: u64 = 5;
/// The longest description that candidates are taken into, in bytes.
pub const GATHERED_SDP_BYTES: usize = 32 * 1024;
/// Most signals that wait to leave.
pub const WAITING_SIGNALS: usize = 4096;
/// Most signals of one peer that wait for its negotiation to take them.
pub const QUEUED_SIGNALS: usize = 256;
/// Most signals kept for peers whose presence has not arrived.
pub const EARLY_SIGNALS: usize = 512;
/// What the metadata of a track counts for among them, in bytes: it is the user's, and its size is not ours to know.
pub const EARLY_METADATA_BYTES: usize = 4 * 1024;
/// Most bytes of signals kept for peers whose presence has not arrived.
pub const EARLY_SIGNAL_BYTES: usize = 1024 * 1024;
/// How long a frame of a data track may take to arrive whole, in milliseconds.
pub const PARTIAL_FRAME_MS: u64 = 2_000;
/// Most frames of one remote that have arrived in part.
pub const PARTIAL_FRAMES: usize = 16;
/// Most bytes of one remote's frames that have arrived in part: of four of the longest.
pub const PARTIAL_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// Most frames of a data track that are being encrypted.
pub const ENCRYPTING_FRAMES: usize = 16;
/// What waits in a frames channel before frames wait in their mailboxes, where a newer one takes their place, in bytes.
pub const FRAMES_HIGH_WATER: usize = 64 * 1024;
/// When more is given to a frames channel, in bytes.
pub const FRAMES_LOW_WATER: usize = 32 * 1024;
/// When a frames channel is looked at again, where nothing announces that it has room, in milliseconds.
pub const FRAMES_RECHECK_MS: u64 = 10;
