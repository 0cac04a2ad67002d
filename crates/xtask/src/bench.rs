//! `cargo xtask bench`: comparisons of what things cost. `bench/README.md` says how each is measured.

mod client;
mod contestant;
mod figures;
mod server;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The package, next to the official SDK, the bare platform and others: calls, bytes, milliseconds
    Client(client::Options),
    /// The server, next to NATS and to a minimal server in Node: CPU, latency and memory
    Server(server::Options),
}

pub fn run(options: &Options) -> Result<ExitCode> {
    match &options.what {
        What::Client(options) => client::run(options),
        What::Server(options) => server::run(options),
    }
}

/// Writes a file, and makes the directory for it.
fn write(file: &Path, text: &str) -> Result<()> {
    file.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(file, text))
        .with_context(|| format!("cannot write {}", file.display()))
}
