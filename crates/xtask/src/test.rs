//! `cargo xtask test`: every test of the project, run the same way everywhere.
//!
//! The tests are in parts, each of which runs alone with `--only`. A part is a few commands; each
//! command's tests are counted from what its runner prints ([`tally`]), and one that ran no test at all
//! has failed: a test that nobody runs is worse than none. Parts share a [`Bench`], which builds the
//! package and starts the server when the first of them asks.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::process::say;

mod bench;
mod browser;
mod examples;
mod interop;
mod lint;
mod native;
mod node;
mod packed;
mod rest;
mod tally;
mod wasm_pack;

pub use bench::Bench;
pub use tally::Tally;

#[derive(clap::Args)]
pub struct Options {
    /// The parts to run, separated by commas; all of them by default
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
}

/// The parts, in the order in which they run: what fails fast comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Formatting, clippy, documentation and the TypeScript declarations
    Lint,
    /// Unit, integration and documentation tests of the crates
    Native,
    /// Simulated worlds, two for each of 2,000 seeds
    Sim,
    /// The server's REST API against a fuzzer that reads its OpenAPI document
    Rest,
    /// The npm package: its budget, and importing it in every way
    Package,
    /// Every example against the server
    Examples,
    /// The snippets, links and lists of the documentation
    Docs,
    /// The package in Node against the server
    Node,
    /// The package together with the official SDKs
    Interop,
    /// Programs for the official SDK, with the package in its place
    DropIn,
    /// wasm-bindgen suites and pages, in a headless browser
    Browser,
    /// Building and testing the root crate with wasm-pack
    WasmPack,
}

impl Part {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self, bench: &Bench) -> Result<Tally> {
        match self {
            Self::Lint => lint::run(bench),
            Self::Native => native::crates(),
            Self::Sim => native::worlds(),
            Self::Rest => rest::run(bench),
            Self::Package => packed::run(bench),
            Self::Examples => examples::run(bench),
            Self::Docs => node::run(bench, "tests/docs"),
            Self::Node => node::run(bench, "tests/node"),
            Self::Interop => interop::run(bench),
            Self::DropIn => node::run(bench, "tests/drop-in"),
            Self::Browser => browser::run(bench),
            Self::WasmPack => wasm_pack::run(bench),
        }
    }
}

/// What became of a part.
struct Outcome {
    part: Part,
    tally: Tally,
    took: Duration,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let bench = Bench::default();
    let parts = Part::value_variants().iter().copied();
    let chosen = parts.filter(|part| options.only.is_empty() || options.only.contains(part));
    let outcomes: Vec<Outcome> = chosen.map(|part| outcome(part, &bench)).collect();
    drop(bench);
    Ok(summarise(&outcomes))
}

fn outcome(part: Part, bench: &Bench) -> Outcome {
    say(format_args!("──── {} ────", part.name()));
    let start = Instant::now();
    let mut tally = part.run(bench).unwrap_or_else(|error| Tally::failure(format!("{error:#}")));
    if tally.passed + tally.failed == 0 {
        tally.fail("no test was run");
    }
    for line in tally.problems.iter().chain(&tally.gaps) {
        say(format_args!("{}: {line}", part.name()));
    }
    Outcome { part, tally, took: start.elapsed() }
}

/// The closing table, what went wrong or could not run once more, and the line with the counts.
fn summarise(outcomes: &[Outcome]) -> ExitCode {
    println!("\n{:12}{:>8}{:>8}{:>9}", "part", "passed", "failed", "time");
    for Outcome { part, tally, took } in outcomes {
        let seconds = took.as_secs();
        let time = format!("{}:{:02}", seconds / 60, seconds % 60);
        println!("{:12}{:>8}{:>8}{time:>9}", part.name(), tally.passed, tally.failed);
    }
    for Outcome { part, tally, .. } in outcomes {
        for line in tally.problems.iter().chain(&tally.gaps) {
            println!("{}: {line}", part.name());
        }
    }
    let passed: usize = outcomes.iter().map(|outcome| outcome.tally.passed).sum();
    let failed: usize = outcomes.iter().map(|outcome| outcome.tally.failed).sum();
    println!("\n{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
