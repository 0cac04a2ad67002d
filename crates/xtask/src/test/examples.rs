//! The examples as a user would run them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Bench, Tally};
use crate::process::{command, say, tee};
use crate::server::Server;
use crate::workspace;

/// An example gives up by itself after 30 s.
const LIMIT: Duration = Duration::from_secs(60);

/// What an example answers without `METERED_KEY`, with a sentence on stderr.
const NO_KEY: i32 = 2;

pub fn run(bench: &Bench) -> Result<Tally> {
    bench.package()?;
    let examples = workspace::files_in("examples", ".mjs");
    if examples.is_empty() {
        bail!("there is no example");
    }
    bench.with_server(|server| {
        let mut tally = Tally::default();
        for example in examples {
            tally.add(works(&example, server)?);
            tally.add(asks_for_its_key(&example)?);
        }
        Ok(tally)
    })
}

fn works(example: &Path, server: &Server) -> Result<Tally> {
    let name = example.strip_prefix(workspace::root()).unwrap_or(example).display();
    say(&name);
    let mut node = command("node");
    node.arg(example);
    server.introduce(&mut node);
    let finished = tee(&mut node, LIMIT)?;
    if let Some(signal) = finished.signal() {
        return Ok(Tally::failure(format!("{name}: native crash, the process died by signal {signal}")));
    }
    if !finished.success() {
        return Ok(Tally::failure(format!("{name} failed ({})", finished.status)));
    }
    if !finished.text.lines().any(|line| line.starts_with("OK")) {
        return Ok(Tally::failure(format!("{name} ended well without a line that begins with OK")));
    }
    Ok(Tally::success())
}

fn asks_for_its_key(example: &Path) -> Result<Tally> {
    let name = example.strip_prefix(workspace::root()).unwrap_or(example).display();
    let finished = tee(command("node").arg(example).env_remove("METERED_KEY"), LIMIT)?;
    if finished.status.code() != Some(NO_KEY) || !finished.text.contains("METERED_KEY") {
        return Ok(Tally::failure(format!("{name} without METERED_KEY: not exit {NO_KEY} with a sentence")));
    }
    Ok(Tally::success())
}
