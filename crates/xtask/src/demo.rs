//! `cargo xtask demo`: the demo app, served by the project's own server.

use std::process::ExitCode;

use anyhow::Result;

use crate::{package, server::Server};

#[derive(clap::Args)]
pub struct Options {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 9292)]
    port: u16,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    package::build()?;
    let server = Server::start(options.port)?;
    println!("Open {} in two tabs. Ctrl-C stops the server.", server.address);
    server.wait()?;
    Ok(ExitCode::SUCCESS)
}
