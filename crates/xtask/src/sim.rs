//! `cargo xtask sim`: the simulator with its own arguments.

use std::ffi::OsStr;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::mutants;
use crate::process::{cargo, describe, say};
use crate::test::Tally;

/// The seeds of one process: what many take together is more than a command may.
const AT_ONCE: usize = 10_000;

#[derive(clap::Args)]
pub struct Options {
    /// Put deliberate bugs into a copy of the sources, and see that worlds fail with each of them
    #[arg(long)]
    mutants: bool,
    #[command(flatten)]
    mutant_options: mutants::Options,
    /// Threads, or deliberate bugs at a time [default: one per core of the machine]
    #[arg(long)]
    jobs: Option<usize>,
    /// Passed on to the simulator: --seed N, --seeds N, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    if options.mutants {
        let tally = mutants::run(options.mutant_options, options.jobs.unwrap_or_else(cores))?;
        return Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut simulator = simulator(&options.arguments);
    if let Some(jobs) = options.jobs {
        simulator.arg(format!("--jobs={jobs}"));
    }
    let status = simulator.status()?;
    if !status.success() {
        say(format_args!("{} failed ({status})", describe(&simulator)));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// How much the machine does at a time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Counts the worlds of so many seeds. One that fails is printed.
pub fn worlds(seeds: u64) -> Result<Tally> {
    let mut tally = Tally::default();
    for start in (1..=seeds).step_by(AT_ONCE) {
        let count = (seeds - start + 1).min(AT_ONCE as u64);
        tally.run_tests(&mut simulator(&["--start", &start.to_string(), "--seeds", &count.to_string()]))?;
    }
    Ok(tally)
}

fn simulator(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut simulator = cargo(&["run", "--quiet", "--package", "metered-sim", "--"]);
    simulator.args(arguments);
    simulator
}
