//! The state that all connections share, and the one place that drives the hub.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metered_protocol::{Channel, CloseCode, PeerId, PresencePeer, RawJson};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::admission::Admission;
use super::metrics::{Metrics, Snapshot};
use super::outbox::{End, Outbox};
use super::socket::CLOSE_TIMEOUT;
use crate::Limits;
use crate::auth::{AuthError, Fresh, Keys, Request, ResumeKey};
use crate::hub::{Arrival, ConnId, Hub, Output, SessionId, UnixMillis, Usage};
use crate::rest::Callers;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may connect.
    pub keys: Keys,
    /// The bounds of everything.
    pub limits: Limits,
    /// Whether connections from this machine are free of [`Limits::connections_per_address`].
    pub exempt_loopback: bool,
    /// How long, in milliseconds, a server that is asked to end goes on as before except that it says not to be ready:
    /// time for load balancers to notice.
    pub drain_ms: u64,
    /// When clients are asked to come back after a shutdown, in milliseconds.
    pub retry_after_ms: u64,
    /// How many clients are asked to come back in each second after that; 0 asks all of them at once.
    pub returning_per_second: u32,
    /// A directory to serve at `/`.
    pub www: Option<PathBuf>,
    /// A directory to serve at `/pkg/`, to pages of any origin.
    pub package: Option<PathBuf>,
}

impl Config {
    /// The set-up of development: well-known keys that grant everything. Not for a network.
    pub fn dev() -> Self {
        Self {
            keys: Keys::dev(),
            limits: Limits::default(),
            exempt_loopback: true,
            drain_ms: 0,
            retry_after_ms: 1000,
            returning_per_second: 1000,
            www: None,
            package: None,
        }
    }
}

/// A server's state. Clones share it.
#[derive(Clone, Debug)]
pub struct ServerState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    resume: ResumeKey,
    live: Mutex<Live>,
    admission: Mutex<Admission>,
    callers: Callers,
    metrics: Metrics,
    started_at: UnixMillis,
    /// The server is about to end: nobody shall be sent here any more.
    draining: AtomicBool,
    /// The hub's next timeout may have changed.
    timeout_changed: Notify,
    /// The connections' tasks.
    tasks: TaskTracker,
    /// Ends those of them that do not end by themselves.
    kill: CancellationToken,
}

/// The hub and the queues its outputs go to.
#[derive(Debug)]
struct Live {
    hub: Hub,
    outboxes: BTreeMap<ConnId, Arc<Outbox>>,
    last_conn: u64,
}

/// No timer waits longer than this, so that a system clock that was set is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl ServerState {
    /// The state of a server without connections.
    pub fn new(config: Config) -> Self {
        let live = Live { hub: Hub::new(config.limits), outboxes: BTreeMap::new(), last_conn: 0 };
        let admission = Admission::new(&config.limits, config.exempt_loopback);
        let callers = Callers::new(config.limits);
        let resume = ResumeKey::derive(&config.keys, Uuid::new_v4().as_bytes());
        Self(Arc::new(Shared {
            config,
            resume,
            live: Mutex::new(live),
            admission: Mutex::new(admission),
            callers,
            metrics: Metrics::new(),
            started_at: now(),
            draining: AtomicBool::new(false),
            timeout_changed: Notify::new(),
            tasks: TaskTracker::new(),
            kill: CancellationToken::new(),
        }))
    }

    /// How many clients are connected.
    pub fn connection_count(&self) -> usize {
        self.live().hub.connection_count()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(super) fn kill(&self) -> &CancellationToken {
        &self.0.kill
    }

    /// Whether a socket from this address may become a connection, and whose. If not, how to close it.
    pub(super) fn admit(&self, from: IpAddr, request: &Request) -> Result<Arrival, End> {
        let admitted = {
            let mut admission = self.0.admission.lock().unwrap_or_else(PoisonError::into_inner);
            admission.admit(now(), from)
        };
        if !admitted {
            let reason = "too many connections from this address";
            return Err(End { code: CloseCode::OVER_CONCURRENT_LIMIT, reason });
        }
        let Config { keys, limits, .. } = &self.0.config;
        let session = SessionId(Uuid::new_v4().as_u128());
        let fresh = Fresh { peer_id: fresh_peer_id(), session };
        keys.admit(now(), limits, &self.0.resume, request, fresh)
            .map_err(|error: AuthError| End { code: error.close_code(), reason: error.reason() })
    }

    /// Opens a connection. What it is to be sent comes out of the outbox.
    pub(super) fn connect(&self, arrival: Arrival) -> (ConnId, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::new(self.0.config.limits.outbound_queue_bytes));
        let conn = self.drive(|live, now| {
            live.last_conn += 1;
            let conn = ConnId(live.last_conn);
            live.outboxes.insert(conn, outbox.clone());
            live.hub.connect(now, conn, arrival);
            conn
        });
        (conn, outbox)
    }

    pub(super) fn handle_frame(&self, conn: ConnId, text: &str) {
        self.drive(|live, now| live.hub.handle_frame(now, conn, text));
    }

    pub(super) fn handle_binary(&self, conn: ConnId, length: usize) {
        self.drive(|live, now| live.hub.handle_binary(now, conn, length));
    }

    /// The client has read so many of the numbered frames that were written.
    pub(super) fn has_read(&self, conn: ConnId, frames: u64) {
        self.drive(|live, _| live.hub.has_read(conn, frames));
    }

    /// A socket is gone, closed by its client with this code or broken.
    pub(super) fn disconnect(&self, conn: ConnId, code: CloseCode) {
        self.drive(|live, now| {
            live.outboxes.remove(&conn);
            live.hub.disconnect(now, conn, code);
        });
    }

    /// Who is in a channel.
    pub(crate) fn channel_peers(&self, channel: &Channel) -> Vec<PresencePeer<RawJson>> {
        self.live().hub.channel_peers(channel)
    }

    /// Publishes to a channel in the name of a peer. Answers to how many connections it went.
    pub(crate) fn publish(
        &self,
        channel: Channel,
        from: PeerId,
        from_metadata: Option<RawJson>,
        data: RawJson,
    ) -> usize {
        self.drive(|live, _| live.hub.publish(channel, from, from_metadata, data))
    }

    /// Closes every connection of a peer. Answers how many that were.
    pub(crate) fn kick(&self, peer: &PeerId) -> usize {
        self.drive(|live, now| live.hub.kick(now, peer))
    }

    /// What there is and was.
    pub(crate) fn usage(&self) -> Usage {
        self.live().hub.usage()
    }

    /// When this state was made.
    pub(crate) fn started_at(&self) -> UnixMillis {
        self.0.started_at
    }

    /// How often the secret keys have been used.
    pub(crate) fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// What is counted where sockets are written and closed.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The text of all metrics.
    pub(super) fn write_metrics(&self) -> Result<String, std::fmt::Error> {
        let snapshot = {
            let live = self.live();
            Snapshot {
                usage: live.hub.usage(),
                detached_sessions: live.hub.detached_count(),
                kept_bytes: live.hub.kept_bytes(),
                queue_bytes: live.outboxes.values().map(|outbox| outbox.bytes()).sum(),
            }
        };
        self.0.metrics.write(snapshot)
    }

    /// Whether the server is about to end.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// From now on the server says that it is not ready for anybody new.
    pub(super) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Tells everyone that the server goes away and closes them.
    pub(super) fn shutdown(&self) {
        self.drive(|live, _| {
            live.hub.shutdown(self.0.config.retry_after_ms, self.0.config.returning_per_second)
        });
    }

    /// Calls the hub when its timeouts are due, for ever.
    pub(super) async fn run_timeouts(&self) {
        loop {
            let due = self.live().hub.poll_timeout();
            let wait = due.map_or(LONGEST_WAIT, |at| {
                Duration::from_millis(at.0.saturating_sub(now().0)).min(LONGEST_WAIT)
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => self.drive(|live, now| live.hub.handle_timeout(now)),
                () = self.0.timeout_changed.notified() => {}
            }
        }
    }

    /// Calls the hub and carries out what it wants done.
    fn drive<T>(&self, call: impl FnOnce(&mut Live, UnixMillis) -> T) -> T {
        let (mut live, now) = (self.live(), now());
        let due = live.hub.poll_timeout();
        let result = call(&mut live, now);
        live.carry_out(now, &self.0.metrics);
        if live.hub.poll_timeout() != due {
            self.0.timeout_changed.notify_one();
        }
        result
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn carry_out(&mut self, now: UnixMillis, metrics: &Metrics) {
        let at = Instant::now();
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { conn, frame } => {
                    let Some(outbox) = self.outboxes.get(&conn) else { continue };
                    if outbox.push(frame, at).is_err() {
                        tracing::info!(conn = conn.0, "closing a consumer that is too slow");
                        let end = End {
                            code: CloseCode::POLICY_VIOLATION,
                            reason: "too slow: the outbound queue is full",
                        };
                        metrics.dropped(outbox.abandon(end) + 1);
                        self.outboxes.remove(&conn);
                        self.hub.close(now, conn, end.code, end.reason);
                    }
                }
                Output::Close { conn, code, reason } => {
                    if let Some(outbox) = self.outboxes.remove(&conn) {
                        tracing::debug!(conn = conn.0, code = code.0, reason, "closing");
                        outbox.close(End { code, reason }, CLOSE_TIMEOUT);
                    }
                }
            }
        }
    }
}

pub(crate) fn now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::expect_used, reason = "a UUID is 36 printable ASCII characters")]
fn fresh_peer_id() -> PeerId {
    PeerId::parse(&Uuid::new_v4().to_string()).expect("a UUID is a peer id")
}
