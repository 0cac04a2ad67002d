//! Publishers send to one channel, subscribers receive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Target;
use crate::dialect::{self, Listener};
use crate::wire::Sender;

/// How long the last messages may take to arrive.
const DRAIN: Duration = Duration::from_secs(30);

#[derive(clap::Args, Debug)]
pub(crate) struct Plan {
    /// Connections that publish, in turns
    #[arg(long, default_value_t = 128)]
    publishers: usize,

    /// Connections that receive
    #[arg(long, default_value_t = 100)]
    subscribers: usize,

    /// Publishes that may wait for their acknowledgement
    #[arg(long, default_value_t = 64)]
    window: usize,

    /// Messages per second, of all publishers together; as many as the server takes if not given
    #[arg(long)]
    rate: Option<f64>,

    /// Length of a message in bytes
    #[arg(long, default_value_t = 100)]
    bytes: usize,

    /// Seconds before measuring begins
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,

    /// Seconds of measuring
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// What the tasks that read share.
#[derive(Debug)]
struct Shared {
    begun: Instant,
    delivered: AtomicU64,
    /// Microseconds from sent to received.
    latencies: Mutex<Vec<u32>>,
    /// How many may be published.
    window: Semaphore,
    failure: Mutex<Option<anyhow::Error>>,
}

pub(crate) async fn run(target: Target, plan: &Plan) -> Result<Value> {
    let shared = Arc::new(Shared {
        begun: Instant::now(),
        delivered: AtomicU64::new(0),
        latencies: Mutex::default(),
        window: Semaphore::new(plan.window),
        failure: Mutex::default(),
    });
    for _ in 0..plan.subscribers {
        let (sender, mut receiver) = dialect::enter(target).await?;
        dialect::subscribe(target, &sender, &mut receiver).await?;
        spawn_reader(target, receiver, &shared);
    }
    let mut publishers = Vec::new();
    for _ in 0..plan.publishers {
        let (sender, receiver) = dialect::enter(target).await?;
        spawn_reader(target, receiver, &shared);
        publishers.push(sender);
    }

    let mut sent = publish(target, plan, &publishers, &shared, plan.warmup).await?;
    drain(&shared, sent * plan.subscribers as u64).await?;
    shared.latencies.lock().unwrap().clear();

    let (cpu, begun) = (target.process.cpu()?, Instant::now());
    let measured = publish(target, plan, &publishers, &shared, plan.seconds).await?;
    sent += measured;
    drain(&shared, sent * plan.subscribers as u64).await?;
    let (cpu, elapsed) = ((target.process.cpu()? - cpu).as_secs_f64(), begun.elapsed().as_secs_f64());

    let deliveries = measured * plan.subscribers as u64;
    let mut latencies = std::mem::take(&mut *shared.latencies.lock().unwrap());
    latencies.sort_unstable();
    let percentile = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    Ok(json!({
        "messagesPerSecond": measured as f64 / elapsed,
        "deliveries": deliveries,
        "cpuSeconds": cpu,
        "deliveriesPerCpuSecond": deliveries as f64 / cpu,
        "p50Ms": f64::from(percentile(0.5)) / 1000.0,
        "p99Ms": f64::from(percentile(0.99)) / 1000.0,
    }))
}

fn spawn_reader(target: Target, mut receiver: crate::wire::Receiver, shared: &Arc<Shared>) {
    let (shared, mut listener) = (shared.clone(), Listener::new(target.dialect));
    tokio::spawn(async move {
        let mut latencies = Vec::new();
        loop {
            let (mut acks, mut messages) = (0, 0);
            let received = receiver
                .receive(|payload| {
                    let heard = listener.hear(payload, |message| latencies.extend(dialect::stamp(message)));
                    acks += heard.acks;
                    messages += heard.messages as u64;
                })
                .await;
            if let Err(error) = received {
                shared.failure.lock().unwrap().get_or_insert(error);
                shared.window.close();
                return;
            }
            let now = shared.begun.elapsed().as_nanos() as u64;
            let waited = latencies.drain(..).map(|sent| (now.saturating_sub(sent) / 1000) as u32);
            if messages > 0 {
                shared.latencies.lock().unwrap().extend(waited);
            }
            shared.delivered.fetch_add(messages, Ordering::Relaxed);
            shared.window.add_permits(acks);
        }
    });
}

/// Publishes for a while. Answers how many messages that were.
async fn publish(
    target: Target,
    plan: &Plan,
    publishers: &[Sender],
    shared: &Shared,
    seconds: f64,
) -> Result<u64> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let mut sent = 0;
    for publisher in publishers.iter().cycle() {
        if let Some(rate) = plan.rate {
            sleep_until(begun + Duration::from_secs_f64(sent as f64 / rate)).await;
        }
        match shared.window.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(failure(shared)),
        }
        let now = Instant::now();
        if now >= until {
            shared.window.add_permits(1);
            break;
        }
        let message = dialect::stamped(plan.bytes, shared.begun.elapsed().as_nanos() as u64)?;
        publisher.write(&dialect::publication(target.dialect, &message)).await?;
        sent += 1;
    }
    Ok(sent)
}

/// Waits until everything has arrived.
async fn drain(shared: &Shared, expected: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        let delivered = shared.delivered.load(Ordering::Relaxed);
        if delivered == expected {
            return Ok(());
        }
        if shared.window.is_closed() {
            return Err(failure(shared));
        }
        if delivered > expected || begun.elapsed() > DRAIN {
            bail!("{delivered} deliveries where {expected} were due");
        }
        sleep(Duration::from_millis(1)).await;
    }
}

fn failure(shared: &Shared) -> anyhow::Error {
    let failure = shared.failure.lock().unwrap().take();
    failure.context("a connection failed").unwrap_or_else(|error| error)
}
