//! What a server counts, for Prometheus.
//!
//! Counting happens where sockets are written and closed, an atomic addition or two per batch of frames. What can be
//! read off the state is read when somebody asks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use metered_protocol::CloseCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::hub::{ClusterHealth, Usage};

/// Who closed a connection, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Closed {
    code: u16,
    by: &'static str,
}

/// What is read off an app at the moment somebody asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) usage: Usage,
    pub(super) detached_sessions: usize,
    pub(super) kept_bytes: usize,
    pub(super) cluster: ClusterHealth,
}

/// What is read off the way to other servers, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClusterState {
    pub(super) is_connected: bool,
    /// Messages that were none.
    pub(super) refused: u64,
}

/// The metrics of one server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    deliveries: Counter,
    drops: Counter,
    latency: Histogram,
    closes: Family<Closed, Counter>,
    refusals: Family<Closed, Counter>,
    messages: Counter,
    resumed: Counter,
    connections: Gauge,
    peers: Gauge,
    channels: Gauge,
    detached: Gauge,
    kept_bytes: Gauge,
    queue_bytes: Gauge,
    cluster_connected: Gauge,
    cluster_nodes: Gauge,
    cluster_lost: Counter,
    cluster_refused: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("metered"),
            deliveries: Counter::default(),
            drops: Counter::default(),
            // 100 µs to 3.3 s.
            latency: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            closes: Family::default(),
            refusals: Family::default(),
            messages: Counter::default(),
            resumed: Counter::default(),
            connections: Gauge::default(),
            peers: Gauge::default(),
            channels: Gauge::default(),
            detached: Gauge::default(),
            kept_bytes: Gauge::default(),
            queue_bytes: Gauge::default(),
            cluster_connected: Gauge::default(),
            cluster_nodes: Gauge::default(),
            cluster_lost: Counter::default(),
            cluster_refused: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Clients that are connected", self.connections.clone());
        registry.register("peers", "Peers that are connected or may yet come back", self.peers.clone());
        registry.register("channels", "Channels that somebody is subscribed to", self.channels.clone());
        registry.register("messages", "Messages that were published or sent", self.messages.clone());
        registry.register("deliveries", "Frames that were written to sockets", self.deliveries.clone());
        registry.register("drops", "Frames that were dropped with their connections", self.drops.clone());
        registry.register_with_unit(
            "delivery_latency",
            "From the hub's decision to the written socket, for the oldest frame of each write",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register_with_unit(
            "outbound_queue",
            "What waits for sockets",
            Unit::Bytes,
            self.queue_bytes.clone(),
        );
        registry.register_with_unit(
            "resume_kept",
            "What is kept for sessions to come back to",
            Unit::Bytes,
            self.kept_bytes.clone(),
        );
        registry.register(
            "detached_sessions",
            "Sessions that wait for their clients to come back",
            self.detached.clone(),
        );
        registry.register(
            "resumed_sessions",
            "Sessions that were given another socket",
            self.resumed.clone(),
        );
        registry.register("closes", "Connections that ended, by close code and by whom", self.closes.clone());
        registry.register(
            "refusals",
            "Sockets that never became a connection, by close code",
            self.refusals.clone(),
        );
        registry.register(
            "cluster_connected",
            "Whether NATS can be reached: 1 or 0",
            self.cluster_connected.clone(),
        );
        registry.register(
            "cluster_nodes",
            "Other servers that are alive, as the app with the most of them has it",
            self.cluster_nodes.clone(),
        );
        registry.register(
            "cluster_losses",
            "Messages between servers that were lost on their way or too long",
            self.cluster_lost.clone(),
        );
        registry.register(
            "cluster_refusals",
            "What came from other servers and was no message",
            self.cluster_refused.clone(),
        );
    }

    /// A batch of frames has been written; its oldest has waited so long.
    pub(super) fn delivered(&self, frames: usize, waited: std::time::Duration) {
        self.deliveries.inc_by(frames as u64);
        self.latency.observe(waited.as_secs_f64());
    }

    /// Frames will never be written.
    pub(super) fn dropped(&self, frames: usize) {
        self.drops.inc_by(frames as u64);
    }

    /// The server has closed a connection.
    pub(super) fn closed(&self, code: CloseCode) {
        self.closes.get_or_create(&Closed { code: code.0, by: "server" }).inc();
    }

    /// A client has closed its connection, or its socket broke.
    pub(super) fn left(&self, code: CloseCode) {
        // What a client says is its own; only so many codes are told apart.
        let code =
            if (1000..=1015).contains(&code.0) || (4000..=4020).contains(&code.0) { code.0 } else { 0 };
        self.closes.get_or_create(&Closed { code, by: "client" }).inc();
    }

    /// A socket may not become a connection.
    pub(super) fn refused(&self, code: CloseCode) {
        self.refusals.get_or_create(&Closed { code: code.0, by: "server" }).inc();
    }

    /// The text of all of them, for all apps together.
    pub(super) fn write(
        &self,
        apps: &[Snapshot],
        queue_bytes: usize,
        cluster: Option<ClusterState>,
    ) -> Result<String, fmt::Error> {
        let sum = |gauge: &Gauge, value: fn(&Snapshot) -> usize| {
            let value = apps.iter().map(value).sum::<usize>();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        sum(&self.connections, |app| app.usage.connections);
        sum(&self.peers, |app| app.usage.peers);
        sum(&self.channels, |app| app.usage.channels);
        sum(&self.detached, |app| app.detached_sessions);
        sum(&self.kept_bytes, |app| app.kept_bytes);
        self.queue_bytes.set(i64::try_from(queue_bytes).unwrap_or(i64::MAX));
        // Counted by the hubs, which never count down.
        let count = |counter: &Counter<u64, AtomicU64>, value: fn(&Snapshot) -> u64| {
            counter.inner().store(apps.iter().map(value).sum(), Ordering::Relaxed);
        };
        count(&self.messages, |app| app.usage.messages);
        count(&self.resumed, |app| app.usage.resumed_sessions);
        count(&self.cluster_lost, |app| app.cluster.lost);
        let nodes = apps.iter().map(|app| app.cluster.nodes).max().unwrap_or_default();
        self.cluster_nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
        self.cluster_connected.set(cluster.is_some_and(|cluster| cluster.is_connected).into());
        let refused = cluster.map_or(0, |cluster| cluster.refused);
        self.cluster_refused.inner().store(refused, Ordering::Relaxed);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
