//! `cargo xtask sim`: the simulator with its own arguments.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process::{cargo, describe, say};

#[derive(clap::Args)]
pub struct Options {
    /// Passed on to the simulator: --seed N, --seeds N, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let mut simulator = simulator(&options.arguments);
    let status = simulator.status()?;
    if !status.success() {
        say(format_args!("{} failed ({status})", describe(&simulator)));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that runs the simulator.
pub fn simulator(arguments: &[String]) -> Command {
    let mut simulator = cargo(&["run", "--quiet", "--package", "metered-sim", "--"]);
    simulator.args(arguments);
    simulator
}
