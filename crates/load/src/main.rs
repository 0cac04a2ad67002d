//! Loads a WebSocket server on this machine and tells what that cost the server, as one line of JSON.
//!
//! The server is another process: its CPU time and its memory are read from `/proc`, so that the load itself may cost
//! what it likes. It runs on one thread. Frames are taken apart by hand ([`wire`]), because a client that costs more
//! than the server would measure itself; what they say is the business of a [`dialect`]: the project's own protocol or
//! that of NATS.

mod dialect;
mod fan_out;
mod idle;
mod join;
mod process;
mod wire;

use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};

use dialect::Dialect;
use process::Process;

/// Load a WebSocket server and print what it cost the server.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,

    /// The server's process.
    #[arg(long)]
    pid: u32,

    /// What the server speaks.
    #[arg(long, value_enum, default_value_t = Dialect::Metered)]
    dialect: Dialect,

    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Publishers send to one channel, subscribers receive
    FanOut(fan_out::Plan),
    /// Connections that do nothing
    Idle(idle::Plan),
    /// Connections that all subscribe to one channel, until each knows all others
    Join(join::Plan),
}

/// The server under load.
#[derive(Clone, Copy, Debug)]
struct Target {
    address: SocketAddr,
    dialect: Dialect,
    process: Process,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { address, pid, dialect, scenario } = Arguments::parse();
    let target = Target { address, dialect, process: Process(pid) };
    let figures = match scenario {
        Scenario::FanOut(plan) => fan_out::run(target, &plan).await?,
        Scenario::Idle(plan) => idle::run(target, &plan).await?,
        Scenario::Join(plan) => join::run(target, &plan).await?,
    };
    println!("{figures}");
    Ok(())
}
