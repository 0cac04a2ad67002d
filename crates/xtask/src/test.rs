//! `cargo xtask test`: every test of the project, run the same way everywhere.
//!
//! The tests are in parts, each of which runs alone with `--only`. A part is a few commands; each
//! command's tests are counted from what its runner prints ([`tally`]), and one that ran no test at all
//! has failed: a test that nobody runs is worse than none. Parts share a [`Bench`], which builds the
//! package and starts the server when the first of them asks.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::{parts, sim};

mod bench;
mod browser;
mod examples;
pub mod faults;
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

/// The seeds that a test run simulates.
const SEEDS: u64 = 2_000;

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
    /// A little of each fault of the soak: broken networks, killed servers, leaks
    Faults,
    /// Building and testing the root crate with wasm-pack
    WasmPack,
}

impl Part {
    fn run(self, bench: &Bench) -> Result<Tally> {
        match self {
            Self::Lint => lint::run(bench),
            Self::Native => native::crates(),
            Self::Sim => sim::worlds(SEEDS),
            Self::Rest => rest::run(bench),
            Self::Package => packed::run(bench),
            Self::Examples => examples::run(bench),
            Self::Docs => node::run(bench, "tests/docs"),
            Self::Node => node::run(bench, "tests/node"),
            Self::Interop => interop::run(bench),
            Self::DropIn => node::run(bench, "tests/drop-in"),
            Self::Browser => browser::run(bench),
            Self::Faults => faults::briefly(bench),
            Self::WasmPack => wasm_pack::run(bench),
        }
    }
}

pub fn run(options: &Options) -> ExitCode {
    let bench = Bench::default();
    parts::run(&options.only, |part| part.run(&bench))
}
