//! A run in parts, each of which is counted: what `cargo xtask test` and `cargo xtask soak` have in common.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::process::say;
use crate::test::Tally;

/// What became of a part.
struct Outcome {
    part: String,
    tally: Tally,
    took: Duration,
}

/// Runs the parts in `only`, or all if that is empty, in the order in which they are declared. Ends with a table.
pub fn run<P: ValueEnum + PartialEq>(only: &[P], run: impl Fn(&P) -> Result<Tally>) -> ExitCode {
    let chosen = P::value_variants().iter().filter(|part| only.is_empty() || only.contains(part));
    let outcomes: Vec<Outcome> = chosen.map(|part| outcome(name(part), || run(part))).collect();
    summarise(&outcomes)
}

fn name(part: &impl ValueEnum) -> String {
    part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn outcome(part: String, run: impl Fn() -> Result<Tally>) -> Outcome {
    say(format_args!("──── {part} ────"));
    let start = Instant::now();
    let mut tally = run().unwrap_or_else(|error| Tally::failure(format!("{error:#}")));
    if tally.passed + tally.failed == 0 {
        tally.fail("no test was run");
    }
    for line in tally.problems.iter().chain(&tally.gaps) {
        say(format_args!("{part}: {line}"));
    }
    Outcome { part, tally, took: start.elapsed() }
}

/// The closing table, what went wrong or could not run once more, and the line with the counts.
fn summarise(outcomes: &[Outcome]) -> ExitCode {
    println!("\n{:12}{:>8}{:>8}{:>9}", "part", "passed", "failed", "time");
    for Outcome { part, tally, took } in outcomes {
        let seconds = took.as_secs();
        let time = format!("{}:{:02}", seconds / 60, seconds % 60);
        println!("{part:12}{:>8}{:>8}{time:>9}", tally.passed, tally.failed);
    }
    for Outcome { part, tally, .. } in outcomes {
        for line in tally.problems.iter().chain(&tally.gaps) {
            println!("{part}: {line}");
        }
    }
    let passed: usize = outcomes.iter().map(|outcome| outcome.tally.passed).sum();
    let failed: usize = outcomes.iter().map(|outcome| outcome.tally.failed).sum();
    println!("\n{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
