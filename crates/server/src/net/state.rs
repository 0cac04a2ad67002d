//! The state that all connections share.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metered_protocol::{CloseCode, PeerId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::admission::Admission;
use super::app::{App, Shared};
use super::backlog::Backlog;
use super::cluster::Bus;
use super::metrics::{ClusterState, Metrics};
use super::outbox::End;
use crate::Config;
use crate::auth::{AuthError, Fresh, Request};
use crate::hub::{Arrival, SessionId, UnixMillis};
use crate::rest::Callers;

/// A server's state. Clones share it.
#[derive(Clone, Debug)]
pub struct ServerState(Arc<Whole>);

#[derive(Debug)]
struct Whole {
    config: Config,
    apps: Vec<Arc<App>>,
    shared: Arc<Shared>,
    admission: Mutex<Admission>,
    /// Requests without a valid key.
    failures: Mutex<Admission>,
    callers: Callers,
    started_at: UnixMillis,
    /// The server is about to end: nobody shall be sent here any more.
    draining: AtomicBool,
    /// The connections' tasks.
    tasks: TaskTracker,
    /// Ends those of them that do not end by themselves.
    kill: CancellationToken,
}

/// Somebody who may come in, and where to.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) app: Arc<App>,
    pub(super) arrival: Arrival,
}

/// No timer waits longer than this, so that a system clock that was set is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl ServerState {
    /// The state of a server without connections.
    pub fn new(config: Config) -> Self {
        let admission = Admission::new(&config.limits, config.exempt_loopback);
        let failures = Admission::for_failures(&config.limits, config.exempt_loopback);
        let shared = Arc::new(Shared {
            timeout_changed: Notify::new(),
            backlog: Arc::new(Backlog::new(config.limits.outbound_total_bytes)),
            metrics: Metrics::new(),
            too_slow: AtomicU64::new(0),
            bus: config.cluster.clone().map(Bus::new),
            refused: AtomicU64::new(0),
        });
        let callers = Callers::new(config.limits);
        if config.cluster.is_some() {
            for app in config.apps.iter().filter(|app| app.keys.secret.is_empty()) {
                tracing::warn!(
                    app = app.id,
                    "without a secret key, clients do not keep their peer ids at other servers"
                );
            }
        }
        let apps = config.apps.iter().map(|app| Arc::new(App::new(app, &config, shared.clone()))).collect();
        Self(Arc::new(Whole {
            config,
            apps,
            shared,
            admission: Mutex::new(admission),
            failures: Mutex::new(failures),
            callers,
            started_at: now(),
            draining: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            kill: CancellationToken::new(),
        }))
    }

    /// How many clients are connected.
    pub fn connection_count(&self) -> usize {
        self.0.apps.iter().map(|app| app.connection_count()).sum()
    }

    /// How many connections were closed because they took what they were sent too slowly.
    pub fn too_slow_count(&self) -> u64 {
        self.0.shared.too_slow.load(Ordering::Relaxed)
    }

    /// How many bytes wait for all sockets together.
    pub fn outbound_bytes(&self) -> usize {
        self.0.shared.backlog.bytes()
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
    pub(super) fn admit(&self, from: IpAddr, request: &Request) -> Result<Admitted, End> {
        let admitted = {
            let mut admission = self.0.admission.lock().unwrap_or_else(PoisonError::into_inner);
            admission.admit(now(), from)
        };
        if !admitted {
            let reason = "too many connections from this address";
            return Err(End { code: CloseCode::OVER_CONCURRENT_LIMIT, reason });
        }
        self.authenticate(request).map_err(|error| End { code: error.close_code(), reason: error.reason() })
    }

    fn authenticate(&self, request: &Request) -> Result<Admitted, AuthError> {
        let credential = request.credential.as_ref().ok_or(AuthError::Missing)?;
        // Every app is asked, so that the time it takes says nothing about whose key it is. One that knows nothing of
        // the credential is left to say what is wrong with it.
        let mut found = self.0.apps.first();
        for app in &self.0.apps {
            if app.keys.know(credential) {
                found = Some(app);
            }
        }
        let app = found.ok_or(AuthError::UnknownKey)?;
        let session = SessionId(Uuid::new_v4().as_u128());
        let fresh = Fresh { peer_id: fresh_peer_id(), session };
        let (now, config) = (now(), &self.0.config);
        let mut arrival = app.keys.admit(now, &config.limits, &app.resume, request, fresh)?;
        if let Some(turn) = &config.turn {
            turn.introduce(now, &mut arrival.identity);
        }
        Ok(Admitted { app: app.clone(), arrival })
    }

    /// Every app.
    pub(crate) fn apps(&self) -> &[Arc<App>] {
        &self.0.apps
    }

    /// When this state was made.
    pub(crate) fn started_at(&self) -> UnixMillis {
        self.0.started_at
    }

    /// Whether this address may present a secret key, or has presented too many wrong ones of late.
    pub(crate) fn may_present_key(&self, from: IpAddr) -> bool {
        self.failures().has_room(now(), from)
    }

    /// What this address presented was no secret key.
    pub(crate) fn note_wrong_key(&self, from: IpAddr) {
        self.failures().admit(now(), from);
    }

    fn failures(&self) -> MutexGuard<'_, Admission> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the secret keys have been used.
    pub(crate) fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// What is counted where sockets are written and closed.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.shared.metrics
    }

    /// The text of all metrics.
    pub(super) fn write_metrics(&self) -> Result<String, std::fmt::Error> {
        let snapshots: Vec<_> = self.0.apps.iter().map(|app| app.snapshot()).collect();
        let cluster = self.0.shared.bus.as_ref().map(|bus| ClusterState {
            is_connected: bus.is_connected(),
            refused: self.0.shared.refused.load(Ordering::Relaxed),
        });
        self.metrics().write(&snapshots, self.outbound_bytes(), cluster)
    }

    /// Whether the server is about to end.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Whether this is one of several servers and the others cannot be reached.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.0.shared.bus.as_ref().is_some_and(|bus| !bus.is_connected())
    }

    /// Passes on what comes from other servers and goes to them, for ever.
    pub(super) async fn run_cluster(&self) {
        match &self.0.shared.bus {
            Some(bus) => bus.run(&self.0.apps).await,
            None => std::future::pending().await,
        }
    }

    /// From now on the server says that it is not ready for anybody new.
    pub(super) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Tells everyone that the server goes away and closes them.
    pub(super) fn shutdown(&self) {
        for app in &self.0.apps {
            app.shutdown(self.0.config.retry_after_ms, self.0.config.returning_per_second);
        }
    }

    /// Calls the hubs when their timeouts are due, for ever.
    pub(super) async fn run_timeouts(&self) {
        loop {
            let due = self.0.apps.iter().filter_map(|app| app.poll_timeout()).min();
            let wait = due.map_or(LONGEST_WAIT, |at| {
                Duration::from_millis(at.0.saturating_sub(now().0)).min(LONGEST_WAIT)
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => self.0.apps.iter().for_each(|app| app.handle_timeout()),
                () = self.0.shared.timeout_changed.notified() => {}
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
