//! Connections that all subscribe to one channel, until each knows all others.

use anyhow::{Result, ensure};
use memchr::memmem;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Target;
use crate::dialect::{self, Dialect};

#[derive(clap::Args, Debug)]
pub(crate) struct Plan {
    /// How many. They are connected before measuring begins
    #[arg(long, default_value_t = 500)]
    connections: usize,
}

pub(crate) async fn run(target: Target, plan: &Plan) -> Result<Value> {
    ensure!(target.dialect == Dialect::Metered, "only the project's protocol knows who is in a channel");
    let mut open = Vec::new();
    for _ in 0..plan.connections {
        open.push(dialect::enter(target).await?);
    }
    let (cpu, begun) = (target.process.cpu()?, Instant::now());
    let (mut joining, others) = (JoinSet::new(), plan.connections - 1);
    for (sender, mut receiver) in open {
        joining.spawn(async move {
            sender.write(&dialect::subscription(target.dialect)).await?;
            let mut known = 0;
            receiver
                .until(|text| {
                    if text.starts_with(br#"{"type":"presence""#) {
                        known += memmem::find_iter(text, br#""peerId""#).count();
                    }
                    known >= others
                })
                .await?;
            ensure!(known == others, "{known} others where there are {others}");
            // Whoever left now would be told to those who are not done.
            Ok((sender, receiver))
        });
    }
    let mut joined = Vec::new();
    while let Some(result) = joining.join_next().await {
        joined.push(result??);
    }
    let (elapsed, cpu) = (begun.elapsed(), target.process.cpu()? - cpu);
    drop(joined);
    Ok(json!({ "completeMs": elapsed.as_secs_f64() * 1000.0, "cpuMs": cpu.as_secs_f64() * 1000.0 }))
}
