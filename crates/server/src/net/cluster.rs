//! The way to other servers: one connection to NATS for all apps.
//!
//! Each app of each server listens to two subjects, and none of them has a name in it that a client chose:
//!
//! - `<name>.<app>.all` for every server of the cluster,
//! - `<name>.<app>.<node>` for one, where `<node>` is its [`NodeId`]. What one server tells another takes this way only,
//!   because NATS keeps the order within a subject.
//!
//! Nothing here waits while a hub is locked: what it wants sent goes into a queue of bounded size. What does not fit there
//! is dropped, and the hub at the other end notices and asks anew.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subject, SubscribeError, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::select;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::app::App;
use crate::Cluster;
use crate::hub::NodeId;

/// How many messages may wait for NATS, and how many bytes.
const QUEUE_MESSAGES: usize = 32 * 1024;
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// How many messages the client may have taken and not written.
const CLIENT_MESSAGES: usize = 256;

/// How many messages of one subject may wait to be handed to a hub.
const SUBSCRIPTION_MESSAGES: usize = 8 * 1024;

/// Silence of NATS is asked about so often; three times unanswered, the connection counts as lost.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The way to the other servers of a cluster.
#[derive(Debug)]
pub(super) struct Bus {
    node: NodeId,
    config: Cluster,
    is_connected: AtomicBool,
    queue: mpsc::Sender<(Subject, Vec<u8>)>,
    queued_bytes: AtomicUsize,
    /// Taken by [`Bus::run`], which runs once.
    queued: Mutex<mpsc::Receiver<(Subject, Vec<u8>)>>,
}

impl Bus {
    pub(super) fn new(config: Cluster) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MESSAGES);
        Self {
            node: NodeId(Uuid::new_v4().as_u128()),
            config,
            is_connected: AtomicBool::new(false),
            queue,
            queued_bytes: AtomicUsize::new(0),
            queued: Mutex::new(queued),
        }
    }

    /// This server's name among the others.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// Whether NATS can be reached.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Sends something to one server with this app, or to all, unless too much waits already.
    pub(super) fn publish(&self, app: &str, to: Option<NodeId>, payload: Vec<u8>) {
        let length = payload.len();
        if self.queued_bytes.load(Ordering::Relaxed).saturating_add(length) > QUEUE_BYTES {
            return;
        }
        self.queued_bytes.fetch_add(length, Ordering::Relaxed);
        if self.queue.try_send((self.subject(app, to), payload)).is_err() {
            self.queued_bytes.fetch_sub(length, Ordering::Relaxed);
        }
    }

    fn subject(&self, app: &str, to: Option<NodeId>) -> Subject {
        let name = &self.config.name;
        match to {
            Some(node) => format!("{name}.{app}.{node}").into(),
            None => format!("{name}.{app}.all").into(),
        }
    }

    /// Connects, again whenever that is necessary, and passes on what comes and goes, for ever.
    pub(super) async fn run(&self, apps: &[Arc<App>]) {
        let (events, mut happened) = mpsc::channel(64);
        let client = match self.connect(events).await {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "cannot begin to connect to NATS: this server is on its own");
                return std::future::pending().await;
            }
        };
        let mut listening = JoinSet::new();
        let talking = async {
            // Nobody is told of this server before it listens.
            for app in apps {
                match self.subscribe(&client, app).await {
                    Ok([all, own]) => drop(listening.spawn(listen(app.clone(), all, own))),
                    Err(error) => tracing::error!(app = app.id, %error, "cannot listen to NATS"),
                }
            }
            self.write(&client).await;
        };
        tokio::join!(talking, async {
            while let Some(event) = happened.recv().await {
                self.handle(&event, &client, apps);
            }
        });
    }

    async fn subscribe(&self, client: &Client, app: &App) -> Result<[Subscriber; 2], SubscribeError> {
        let all = client.subscribe(self.subject(&app.id, None)).await?;
        let own = client.subscribe(self.subject(&app.id, Some(self.node))).await?;
        Ok([all, own])
    }

    async fn connect(&self, events: mpsc::Sender<Event>) -> io::Result<Client> {
        let mut options = ConnectOptions::new()
            .name(format!("metered-server {}", self.node))
            .no_echo()
            .client_capacity(CLIENT_MESSAGES)
            .subscription_capacity(SUBSCRIPTION_MESSAGES)
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECT_TIMEOUT)
            .reconnect_delay_callback(|attempt| {
                let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
                Duration::from_millis(50).saturating_mul(attempt).min(LONGEST_PAUSE)
            })
            .max_reconnects(None)
            .retry_on_initial_connect()
            .event_callback(move |event| {
                let events = events.clone();
                async move {
                    // There is nobody to tell once the server ends.
                    let _ = events.send(event).await;
                }
            });
        if let Some(login) = &self.config.login {
            options = options.user_and_password(login.user.clone(), login.password.expose().to_owned());
        }
        if let Some(credentials) = &self.config.credentials {
            options = options.credentials(credentials.expose())?;
        }
        if let Some(ca) = &self.config.ca {
            options = options.add_root_certificates(ca.clone());
        }
        let urls: Vec<_> = self.config.nats.split(',').collect();
        async_nats::connect_with_options(urls, options).await.map_err(io::Error::other)
    }

    /// Writes what waits, for as long as there is a connection. What waits when there is none is out of date when there is
    /// one again.
    async fn write(&self, client: &Client) {
        let mut queued = self.queued.lock().await;
        while let Some((subject, payload)) = queued.recv().await {
            self.queued_bytes.fetch_sub(payload.len(), Ordering::Relaxed);
            if !self.is_connected() {
                continue;
            }
            if let Err(error) = client.publish(subject, payload.into()).await {
                tracing::warn!(%error, "a message to another server was not sent");
            }
        }
    }

    fn handle(&self, event: &Event, client: &Client, apps: &[Arc<App>]) {
        match event {
            Event::Connected => {
                let max_payload = client.max_payload();
                tracing::info!(node = %self.node, max_payload, "connected to NATS");
                self.is_connected.store(true, Ordering::Relaxed);
                for app in apps {
                    app.cluster_connected(max_payload);
                }
            }
            Event::Disconnected | Event::Closed => {
                if self.is_connected.swap(false, Ordering::Relaxed) {
                    tracing::error!("NATS cannot be reached: this server is on its own");
                }
                for app in apps {
                    app.cluster_disconnected();
                }
            }
            Event::SlowConsumer(_) => tracing::warn!("messages of other servers came too fast and were lost"),
            Event::ServerError(error) => tracing::warn!(%error, "NATS"),
            other => tracing::debug!(event = %other, "NATS"),
        }
    }
}

/// Hands an app what comes for it.
async fn listen(app: Arc<App>, all: Subscriber, own: Subscriber) {
    let mut messages = select(all, own);
    while let Some(message) = messages.next().await {
        app.handle_cluster_message(&message.payload);
    }
}
