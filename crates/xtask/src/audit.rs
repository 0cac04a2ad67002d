//! What is depended on: licences, sources, and known weaknesses.
//!
//! Licences and sources are judged by `deny.toml` and need no network. The lists of known weaknesses are asked for, and
//! where they cannot be reached that is said and is no failure.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::{command, describe, tee};
use crate::test::Tally;
use crate::tools::CARGO_DENY;

const LIMIT: Duration = Duration::from_secs(300);

/// What the tools print when a list cannot be reached.
const UNREACHABLE: [&str; 6] = [
    "failed to fetch advisory database",
    "audit endpoint",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
];

pub fn run() -> Result<Tally> {
    let deny = CARGO_DENY.ensure()?;
    let mut tally = Tally::default();
    tally.check(command(&deny).args(["--offline", "--workspace", "check", "bans", "licenses", "sources"]));
    ask(&mut tally, "crates", command(&deny).args(["--workspace", "check", "advisories"]))?;
    ask(&mut tally, "npm packages", command("npm").args(["audit", "--package-lock-only"]))?;
    Ok(tally)
}

/// Runs a command that asks the list of what is known of some `packages`.
fn ask(tally: &mut Tally, packages: &str, question: &mut Command) -> Result<()> {
    let finished = tee(question, LIMIT)?;
    let what = describe(question);
    if finished.success() {
        tally.add(Tally::success());
    } else if finished.out_of_time || UNREACHABLE.iter().any(|sign| finished.text.contains(sign)) {
        let search = format_args!("the search for known weaknesses in {packages} ({what})");
        tally.leave_out(search, "its list cannot be reached from here");
    } else {
        tally.fail(format!("{what} has found something"));
    }
    Ok(())
}
