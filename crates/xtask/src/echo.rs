//! `cargo xtask echo`: the shortest way from a fresh clone to two peers that talk.

use std::process::ExitCode;

use anyhow::{Result, anyhow};

use crate::process::{command, say};
use crate::{node, package, server::Server};

const EXAMPLE: &str = "examples/data-channel-echo.mjs";

/// Runs the example and ends as it ended.
pub fn run() -> Result<ExitCode> {
    package::build()?;
    let server = Server::start(0)?;
    say(format_args!("running {EXAMPLE}"));
    let mut example = command("node");
    example.arg(EXAMPLE);
    server.introduce(&mut example);
    let status = example.status().map_err(|_| anyhow!("{}", node::MISSING))?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => {
            say(format_args!("the example was ended by a signal: {status}"));
            ExitCode::FAILURE
        }
    })
}
