//! The server's REST API, asked everything that its OpenAPI document allows and much that it does not.
//!
//! The fuzzer judges each answer by the document: its status, its headers, its body, that what is right was accepted and
//! what is wrong refused, that nothing works without the key, and that no method exists but those described.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, Tally};
use crate::process::{command, tee};
use crate::python::SCHEMATHESIS;
use crate::workspace;

/// The well-known secret key of the server in development mode.
const AUTHORIZATION: &str = "Authorization: Bearer sk_id_dev:sk_secret_dev";

/// How long the fuzzer goes on, in seconds.
const SECONDS: &str = "15";

/// The longest that it may take, its start and its last request included.
const LIMIT: Duration = Duration::from_secs(120);

pub fn run(bench: &Bench) -> Result<Tally> {
    let python = SCHEMATHESIS.ensure()?;
    let finished = bench.with_server(|server| {
        let mut fuzzer = command(&python);
        // It leaves notes for the next time where it stands.
        fuzzer.current_dir(workspace::target());
        fuzzer.args(["-m", "schemathesis.cli", "run", "--max-examples=20", "--checks=all", "--no-color"]);
        // What it asks is the same in every run: a failure can be looked at.
        fuzzer.arg("--generation-deterministic");
        fuzzer.args(["--max-time", SECONDS, "--header", AUTHORIZATION]);
        fuzzer.arg(format!("{}/v1/openapi.json", server.address));
        tee(&mut fuzzer, LIMIT)
    })?;
    if finished.out_of_time {
        return Ok(Tally::failure("the fuzzer did not end in time and was stopped"));
    }
    if !finished.success() {
        return Ok(Tally::failure("the REST API and its OpenAPI document do not agree"));
    }
    let tested = operations_tested(&finished.text);
    if tested == 0 {
        return Ok(Tally::failure("the fuzzer tested nothing"));
    }
    Ok(Tally { passed: tested, ..Tally::default() })
}

/// How many of the document's operations were tested.
fn operations_tested(text: &str) -> usize {
    let counts = text.lines().filter_map(|line| line.trim().strip_prefix("Tested:"));
    counts.filter_map(|count| count.trim().parse::<usize>().ok()).next_back().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_are_counted_by_the_summary() {
        let text = "API Operations:\n  Selected: 8/8\n  Tested: 8\n\nTest Phases:\n";
        assert_eq!(operations_tested(text), 8);
        assert_eq!(operations_tested("error: no schema"), 0);
    }
}
