//! `cargo xtask soak`: evidence that takes longer than anybody waits for a test run.
//!
//! Its parts are like those of `cargo xtask test`, and each runs alone with `--only`. How long they take is said with the
//! options that are named after what they count.

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
    /// `fuzz`: how long each target is fuzzed, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// `sim`: how many seeds are simulated
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// `faults`: the share of the repetitions that they are given
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    #[command(flatten)]
    mutants: mutants::Options,
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
            Self::Mutants => mutants::run(options.mutants, sim::cores()),
            Self::Fuzz => fuzz::run(options.seconds),
            Self::Faults => faults::at_length(options.share),
            Self::Sim => sim::worlds(options.seeds),
        }
    }
}
