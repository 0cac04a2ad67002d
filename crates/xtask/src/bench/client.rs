//! `cargo xtask bench client`: the programs in `bench/`, with the package and the server in which they are shipped.

use std::process::ExitCode;

use anyhow::Result;

use super::contestant;
use crate::package;
use crate::process::{self, command};

#[derive(clap::Args)]
pub struct Options {
    /// Only this program, by its name in `bench/`: may be given several times
    #[arg(long, value_name = "PROGRAM", value_parser = ["calls", "wire", "first-message", "recovery", "growth", "data-tracks"])]
    only: Vec<String>,
    /// How many rounds each program makes; by default each has its own number
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Few and short rounds: whether it runs, and no figures worth a look
    #[arg(long)]
    quick: bool,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    package::build()?;
    let [server, _load] = contestant::build()?;
    let mut programs = command("node");
    programs.arg("bench/index.mjs").args(&options.only).env("METERED_SERVER_BIN", server);
    if let Some(rounds) = options.rounds {
        programs.args(["--rounds", &rounds.to_string()]);
    }
    if options.quick {
        programs.arg("--quick");
    }
    process::run(&mut programs)?;
    Ok(ExitCode::SUCCESS)
}
