//! One app: its hub, the queues that the hub's outputs go to, and the one place that drives them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metered_protocol::{Channel, CloseCode, PeerId, PresencePeer, RawJson};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::backlog::Backlog;
use super::cluster::Bus;
use super::metrics::{Metrics, Snapshot};
use super::outbox::{End, Outbox};
use super::socket::CLOSE_TIMEOUT;
use super::state::now;
use crate::auth::{Keys, ResumeKey};
use crate::hub::{Arrival, Ask, ClusterOutput, ConnId, Elsewhere, Hub, Output, Reached, UnixMillis, Usage};
use crate::{Config, Limits};

/// An app, with everything that it does not share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) keys: Keys,
    pub(super) resume: ResumeKey,
    limits: Limits,
    live: Mutex<Live>,
    shared: Arc<Shared>,
}

/// What all apps of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The next timeout of some hub may have changed.
    pub(super) timeout_changed: Notify,
    pub(super) backlog: Arc<Backlog>,
    pub(super) metrics: Metrics,
    /// Connections that were closed for being too slow.
    pub(super) too_slow: AtomicU64,
    /// The way to other servers, if this is one of several.
    pub(super) bus: Option<Bus>,
    /// What other servers sent that was no message.
    pub(super) refused: AtomicU64,
}

/// The hub and the queues its outputs go to.
#[derive(Debug)]
struct Live {
    hub: Hub,
    outboxes: BTreeMap<ConnId, Arc<Outbox>>,
    last_conn: u64,
    /// Who waits for answers of other servers.
    asking: BTreeMap<Ask, oneshot::Sender<Answers>>,
}

/// What other servers have answered, or that they were given up.
type Answers = (usize, bool);

/// How many connections something has reached, at all servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) count: usize,
    /// Whether every server has answered.
    pub(crate) is_complete: bool,
}

impl App {
    pub(super) fn new(app: &crate::App, config: &Config, shared: Arc<Shared>) -> Self {
        let limits = config.limits;
        let mut hub = Hub::new(limits);
        if let Some(bus) = &shared.bus {
            hub.join_cluster(now(), bus.node());
        }
        let live = Live { hub, outboxes: BTreeMap::new(), last_conn: 0, asking: BTreeMap::new() };
        let resume = ResumeKey::derive(&app.keys, Uuid::new_v4().as_bytes());
        let (id, keys, live) = (app.id.clone(), app.keys.clone(), Mutex::new(live));
        Self { id, keys, resume, limits, live, shared }
    }

    /// How many clients are connected.
    pub(super) fn connection_count(&self) -> usize {
        self.live().hub.connection_count()
    }

    /// Opens a connection. What it is to be sent comes out of the outbox.
    pub(super) fn connect(&self, arrival: Arrival) -> (ConnId, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::new(self.limits.outbound_queue_bytes, self.shared.backlog.clone()));
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
    pub(crate) async fn publish(
        &self,
        channel: Channel,
        from: PeerId,
        from_metadata: Option<RawJson>,
        data: RawJson,
    ) -> Total {
        self.ask(|hub, now| hub.publish(now, channel, from, from_metadata, data)).await
    }

    /// Closes every connection of a peer. Answers how many that were.
    pub(crate) async fn kick(&self, peer: &PeerId) -> Total {
        self.ask(|hub, now| hub.kick(now, peer)).await
    }

    /// Calls the hub and waits for what other servers have to say.
    async fn ask(&self, call: impl FnOnce(&mut Hub, UnixMillis) -> Reached) -> Total {
        let (answer, answered) = oneshot::channel();
        let Reached { here, elsewhere } = self.drive(|live, now| {
            let reached = call(&mut live.hub, now);
            if let Elsewhere::Asked(ask) = reached.elsewhere {
                live.asking.insert(ask, answer);
            }
            reached
        });
        let (elsewhere, is_complete) = match elsewhere {
            Elsewhere::Nobody => (0, true),
            Elsewhere::Unreachable => (0, false),
            // It is not answered if the server ends.
            Elsewhere::Asked(_) => answered.await.unwrap_or((0, false)),
        };
        Total { count: here.saturating_add(elsewhere), is_complete }
    }

    /// What there is and was, at all servers.
    pub(crate) fn usage(&self) -> Usage {
        self.live().hub.usage_of_all()
    }

    /// A message has come from another server.
    pub(super) fn handle_cluster_message(&self, payload: &[u8]) {
        if let Err(error) = self.drive(|live, now| live.hub.handle_cluster_message(now, payload)) {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(app = self.id, %error, "refusing a message of another server");
        }
    }

    /// The way to other servers is open.
    pub(super) fn cluster_connected(&self, max_payload: usize) {
        let longest = max_payload.saturating_sub(Hub::CLUSTER_ENVELOPE_BYTES);
        if longest < self.limits.max_message_bytes() as usize {
            tracing::error!(
                app = self.id,
                max_payload,
                "NATS's max_payload is too small for limits.message_bytes: what is longer than {longest} bytes is refused"
            );
        }
        self.drive(|live, now| live.hub.cluster_connected(now, max_payload));
    }

    /// The way to other servers is closed.
    pub(super) fn cluster_disconnected(&self) {
        self.drive(|live, _| live.hub.cluster_disconnected());
    }

    /// What metrics tell of this app.
    pub(super) fn snapshot(&self) -> Snapshot {
        let live = self.live();
        Snapshot {
            usage: live.hub.usage(),
            detached_sessions: live.hub.detached_count(),
            kept_bytes: live.hub.kept_bytes(),
            cluster: live.hub.cluster_health().unwrap_or_default(),
        }
    }

    /// What is counted where sockets are written and closed.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Tells everyone that the server goes away and closes them.
    pub(super) fn shutdown(&self, retry_after_ms: u64, returning_per_second: u32) {
        self.drive(|live, _| {
            live.asking.clear();
            live.hub.shutdown(retry_after_ms, returning_per_second);
        });
    }

    /// When [`App::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<UnixMillis> {
        self.live().hub.poll_timeout()
    }

    pub(super) fn handle_timeout(&self) {
        self.drive(|live, now| live.hub.handle_timeout(now));
    }

    /// Calls the hub and carries out what it wants done.
    fn drive<T>(&self, call: impl FnOnce(&mut Live, UnixMillis) -> T) -> T {
        let (mut live, now) = (self.live(), now());
        let due = live.hub.poll_timeout();
        let result = call(&mut live, now);
        live.carry_out(now, &self.shared, &self.id);
        if live.hub.poll_timeout() != due {
            self.shared.timeout_changed.notify_one();
        }
        result
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn carry_out(&mut self, now: UnixMillis, shared: &Shared, app: &str) {
        let at = Instant::now();
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { conn, frame } => {
                    let Some(outbox) = self.outboxes.get(&conn) else { continue };
                    if let Err(full) = outbox.push(frame, at) {
                        tracing::info!(app, conn = conn.0, ?full, "closing a consumer that is too slow");
                        shared.too_slow.fetch_add(1, Ordering::Relaxed);
                        let end = End { code: CloseCode::POLICY_VIOLATION, reason: full.reason() };
                        shared.metrics.dropped(outbox.abandon(end) + 1);
                        self.outboxes.remove(&conn);
                        self.hub.close(now, conn, end.code, end.reason);
                    }
                }
                Output::Close { conn, code, reason } => {
                    if let Some(outbox) = self.outboxes.remove(&conn) {
                        tracing::debug!(app, conn = conn.0, code = code.0, reason, "closing");
                        outbox.close(End { code, reason }, CLOSE_TIMEOUT);
                    }
                }
            }
        }
        while let Some(output) = self.hub.poll_cluster_output() {
            match output {
                ClusterOutput::Publish { to, payload } => {
                    if let Some(bus) = &shared.bus {
                        bus.publish(app, to, payload);
                    }
                }
                ClusterOutput::Answered { ask, count, is_complete } => {
                    if let Some(asker) = self.asking.remove(&ask) {
                        // Whoever has gone away does not want to know.
                        let _ = asker.send((count, is_complete));
                    }
                }
            }
        }
    }
}
