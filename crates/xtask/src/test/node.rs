//! Test files for Node's runner, each in a process of its own.
//!
//! The native WebRTC library that Node uses here crashes now and then, whoever drives it. A file whose
//! process dies by a signal is therefore run once more, and both facts are told; a failed test is a
//! failed test, and is not run again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Bench, Tally, tally};
use crate::process::{Finished, command, say, tee};
use crate::programs::{COTURN, FIREFOX, NATS, Program};
use crate::workspace;

/// The longest that one file may take, its process's exit included.
pub const LIMIT: Duration = Duration::from_secs(240);

/// What files need besides, by how their names begin.
const NEEDS: [(&str, Program); 3] = [("turn", COTURN), ("firefox", FIREFOX), ("cluster", NATS)];

/// Runs the `*.test.mjs` files of a directory with the package and the server.
pub fn run(bench: &Bench, directory: &str) -> Result<Tally> {
    bench.package()?;
    bench.with_server(|server| run_files(directory, |node| server.introduce(node)))
}

/// Runs the `*.test.mjs` files of a directory with what `prepare` tells each process.
pub fn run_files(directory: &str, prepare: impl Fn(&mut Command)) -> Result<Tally> {
    let files = workspace::files_in(directory, ".test.mjs");
    if files.is_empty() {
        bail!("there is no test file in {directory}");
    }
    run_these(&files, prepare)
}

/// Runs test files with what `prepare` tells each process.
pub fn run_these(files: &[PathBuf], prepare: impl Fn(&mut Command)) -> Result<Tally> {
    run_within(LIMIT, files, prepare)
}

/// Runs test files, each of which may take as long as `limit`, with what `prepare` tells each process.
pub fn run_within(limit: Duration, files: &[PathBuf], prepare: impl Fn(&mut Command)) -> Result<Tally> {
    let mut tally = Tally::default();
    for file in files {
        let need = match needed(file) {
            None => None,
            Some(program) => match program.find() {
                Ok(Ok(path)) => Some((program.variable, path)),
                Ok(Err(why)) => {
                    tally.leave_out(name_of(file), why);
                    continue;
                }
                Err(error) => {
                    tally.fail(format!("{}: {error:#}", name_of(file)));
                    continue;
                }
            },
        };
        let once = || {
            let mut node = command("node");
            node.arg("--test-reporter=spec").arg(file);
            prepare(&mut node);
            node.envs(need.iter().map(|(variable, path)| (variable, path)));
            tee(&mut node, limit)
        };
        tally.add(run_file(file, once)?);
    }
    Ok(tally)
}

fn needed(file: &Path) -> Option<&'static Program> {
    let name = file.file_name()?.to_str()?;
    NEEDS.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, program)| program)
}

fn name_of(file: &Path) -> impl std::fmt::Display {
    file.strip_prefix(workspace::root()).unwrap_or(file).display()
}

fn run_file(file: &Path, once: impl Fn() -> Result<Finished>) -> Result<Tally> {
    let name = name_of(file);
    say(&name);
    let first = once()?;
    let Some(signal) = first.signal() else {
        return Ok(tally::judge(&name.to_string(), &first));
    };
    say(format_args!("{name}: NATIVE CRASH, the process died by signal {signal}; running it once more"));
    let second = once()?;
    if let Some(signal) = second.signal() {
        return Ok(Tally::failure(format!("{name}: native crash twice (signal {signal})")));
    }
    let mut tally = tally::judge(&name.to_string(), &second);
    tally
        .problems
        .push(format!("{name}: native crash (signal {signal}) in the first run, then run once more"));
    Ok(tally)
}
