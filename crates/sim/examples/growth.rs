//! What one peer costs in rooms that grow, as JSON: `cargo run --release -p metered-sim --example growth -- 2 4 8`.
//!
//! Time is that of the core alone, by the clock; memory is what is free once the core is gone.

#![expect(clippy::disallowed_types, reason = "a measurement's own time, not a world's")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metered_core::{Config, Core, Credential};
use metered_protocol::{Secret, ServerUrl};
use metered_sim::scenario::growth::grow;
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn clock() -> Duration {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed()
}

/// Bytes that only this core holds.
fn bytes_of(core: Core<serde_json::Value>) -> usize {
    let with = MEMORY.current_usage();
    drop(core);
    with - MEMORY.current_usage()
}

fn main() -> Result<(), String> {
    let mut rows = Vec::new();
    for argument in std::env::args().skip(1) {
        let peers: usize = argument.parse().map_err(|_| format!("`{argument}` must be a number of peers"))?;
        if peers < 2 {
            return Err(format!("`{argument}` must be at least 2"));
        }
        let mut growth = grow(peers, clock)?;
        let url = ServerUrl::parse("wss://server.test").map_err(|error| error.to_string())?;
        let none = Core::room(Config::new(url, Credential::ApiKey(Secret::new("pk_live_dev"))), 1);
        let core = std::mem::replace(&mut growth.client.core, none);
        rows.push(json!({
            "peers": peers,
            "inputs": growth.join.inputs,
            "outputs": growth.join.outputs,
            "joinUs": growth.join.time.as_secs_f64() * 1e6,
            "messageUs": growth.messages.time.as_secs_f64() * 1e6,
            "bytes": bytes_of(core),
            "joinedAfterMs": growth.joined_after,
            "events": growth.events,
        }));
    }
    println!("{}", serde_json::Value::from(rows));
    Ok(())
}
