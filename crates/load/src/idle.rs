//! Connections that do nothing: what it takes to open them, and what they take up.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::Target;
use crate::dialect;
use crate::wire::{Receiver, Sender};

/// How long the server gets to come to rest before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

#[derive(clap::Args, Debug)]
pub(crate) struct Plan {
    /// How many
    #[arg(long, default_value_t = 10_000)]
    connections: usize,

    /// How many are opened at a time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
}

pub(crate) async fn run(target: Target, plan: &Plan) -> Result<Value> {
    // What the first connections make the server set up once is not theirs.
    let warm = open(target, plan.at_once, plan.at_once).await?;
    let (cpu, bytes) = (target.process.cpu()?, target.process.resident_bytes()?);
    let begun = Instant::now();
    let connections = open(target, plan.connections, plan.at_once).await?;
    let (cpu, elapsed) = ((target.process.cpu()? - cpu).as_secs_f64(), begun.elapsed().as_secs_f64());
    sleep(REST).await;
    let bytes = target.process.resident_bytes()? - bytes;
    drop((warm, connections));
    Ok(json!({
        "connectsPerCpuSecond": plan.connections as f64 / cpu,
        "connectsPerSecond": plan.connections as f64 / elapsed,
        "bytesPerConnection": bytes as f64 / plan.connections as f64,
    }))
}

async fn open(target: Target, count: usize, at_once: usize) -> Result<Vec<(Sender, Receiver)>> {
    let (mut opening, mut open) = (JoinSet::new(), Vec::with_capacity(count));
    for _ in 0..count {
        if opening.len() == at_once
            && let Some(opened) = opening.join_next().await
        {
            open.push(opened??);
        }
        opening.spawn(dialect::enter(target));
    }
    while let Some(opened) = opening.join_next().await {
        open.push(opened??);
    }
    Ok(open)
}
