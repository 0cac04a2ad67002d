//! `cargo xtask soak`: evidence that takes longer than anybody waits for a test run.
//!
//! Its parts are like those of `cargo xtask test`, and each runs alone with `--only`.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::test::{Tally, faults};
use crate::{audit, fuzz, mutants, parts, sim};

#[derive(clap::Args)]
pub struct Options {
    /// The parts to run, separated by commas; all of them by default
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// How long each target is fuzzed, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How many seeds are simulated
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The share of the repetitions that faults are given
    #[arg(long, default_value_t = 1.0)]
    share: f64,
}

/// The parts, in the order in which they run: what ends soon comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Licences, sources and known weaknesses of what we depend on
    Audit,
    /// Deliberate bugs that the simulator must notice
    Mutants,
    /// libFuzzer on each of its targets
    Fuzz,
    /// Networks that break, servers that are tortured and killed, processes that stop, and leaks
    Faults,
    /// Simulated worlds, two for each seed
    Sim,
}

pub fn run(options: &Options) -> ExitCode {
    parts::run(&options.only, |part| part.run(options))
}

impl Part {
    fn run(self, options: &Options) -> Result<Tally> {
        match self {
            Self::Audit => audit::run(),
            Self::Mutants => mutants::run(),
            Self::Fuzz => fuzz::run(options.seconds),
            Self::Faults => faults::at_length(options.share),
            Self::Sim => sim::worlds(options.seeds),
        }
    }
}
