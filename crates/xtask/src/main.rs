//! `cargo xtask`: one door to everything that is done with this project besides editing it.
//!
//! A command is a short program over a few helpers: [`toolchain`] and [`node`] make sure that a tool is
//! there or say how to get it, [`process`] runs it, [`workspace`] knows where things lie. The npm
//! package is built by [`package`], in steps that each skip themselves when nothing they read has
//! changed ([`fresh`]), so every command can ask for the package first and pay for it once.
//!
//! The same executable answers to two more names, `wasm-bindgen` and `wasm-bindgen-test-runner`
//! ([`shims`]): whoever looks for these tools finds exactly the version that the lock file names.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod audit;
mod bench;
mod bindings;
mod boundary;
mod browser;
mod budget;
mod bundle;
mod contents;
mod demo;
mod echo;
mod fresh;
mod fuzz;
mod inline;
mod mutants;
mod node;
mod pack;
mod package;
mod parts;
mod process;
mod programs;
mod python;
mod server;
mod shims;
mod sim;
mod size;
mod soak;
mod standard_library;
mod streams;
mod test;
mod toolchain;
mod tools;
mod workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the package, start the server and run the data channel echo example against it
    Echo,
    /// Build the package and serve the demo app until Ctrl-C
    Demo(demo::Options),
    /// Run the tests: all of them, or the parts named with --only
    Test(test::Options),
    /// Run what takes long: fuzzers, many simulated worlds, deliberate bugs, real faults, an audit of what we depend on
    Soak(soak::Options),
    /// Build the npm package in pkg/ and pack it into target/package/
    Package(package::Options),
    /// Print the sizes of the package and fail when it is over its budget
    Size(size::Options),
    /// Compare what things cost (bench/README.md says how)
    Bench(bench::Options),
    /// Run the simulator (its own arguments follow, e.g. --seed 7)
    Sim(sim::Options),
}

fn main() -> ExitCode {
    if let Some(code) = shims::answer() {
        return code;
    }
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // The whole chain on one line: a sentence, not a backtrace.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Echo => echo::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => Ok(test::run(&options)),
        Command::Soak(options) => Ok(soak::run(&options)),
        Command::Package(options) => package::build_with(options.std).map(|()| ExitCode::SUCCESS),
        Command::Size(options) => size::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Sim(options) => sim::run(&options),
    }
}
