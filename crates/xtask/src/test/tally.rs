//! Counting tests from what their runners print.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::{self, Finished, describe};

/// The counts of one part, with a line for each thing that went wrong.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub problems: Vec<String>,
    /// Tests that this machine cannot run, and why. They are told of and are no failure.
    pub gaps: Vec<String>,
}

/// The longest that one command of the test run may take.
pub const LIMIT: Duration = Duration::from_secs(40 * 60);

impl Tally {
    pub fn success() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    pub fn failure(problem: impl Into<String>) -> Self {
        Self { failed: 1, problems: vec![problem.into()], ..Self::default() }
    }

    pub fn fail(&mut self, problem: impl Into<String>) {
        self.add(Self::failure(problem));
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.problems.extend(other.problems);
        self.gaps.extend(other.gaps);
    }

    /// Says that something is not tested here.
    pub fn leave_out(&mut self, what: impl std::fmt::Display, because: &str) {
        self.gaps.push(format!("{what} was not run, because {because}"));
    }

    /// Runs a command that is one check: it passes by succeeding.
    pub fn check(&mut self, command: &mut Command) {
        match process::run(command) {
            Ok(()) => self.passed += 1,
            Err(error) => self.fail(format!("{error:#}")),
        }
    }

    /// Runs a command that runs tests, and counts them.
    pub fn run_tests(&mut self, command: &mut Command) -> Result<()> {
        let finished = process::tee(command, LIMIT)?;
        self.add(judge(&describe(command), &finished));
        Ok(())
    }
}

/// The counts of a test command that has ended. One that fails without a failed test, or ends well
/// without a test, has failed all the same.
pub fn judge(name: &str, finished: &Finished) -> Tally {
    let mut tally = count(&finished.text);
    if finished.out_of_time {
        tally.fail(format!("{name} did not end in time and was stopped"));
    } else if !finished.success() {
        let counted = tally.failed > 0;
        let problem = format!("{name} failed ({})", finished.status);
        if counted { tally.problems.push(problem) } else { tally.fail(problem) }
    } else if tally.failed > 0 {
        tally.problems.push(format!("{name} counted {} failed tests", tally.failed));
    } else if tally.passed == 0 {
        tally.fail(format!("{name} ran no test"));
    }
    tally
}

/// Adds up the closing lines of cargo test, nextest, wasm-bindgen's runner and node's runner.
fn count(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines().map(plain) {
        let line = line.trim();
        if line.starts_with("test result:") || line.starts_with("Summary [") || is_plain_counts(line) {
            tally.passed += number_before(line, "passed");
            tally.failed += number_before(line, "failed") + number_before(line, "timed");
        } else if let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
            let (word, number) = rest.split_once(' ').unwrap_or_default();
            let number = number.parse().unwrap_or(0);
            match word {
                "pass" => tally.passed += number,
                "fail" | "cancelled" => tally.failed += number,
                _ => {}
            }
        }
    }
    tally
}

/// `N passed, N failed`, maybe with more after it.
fn is_plain_counts(line: &str) -> bool {
    let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| word.parse::<usize>().is_ok()) && words.next() == Some("passed")
}

/// The number that stands before `word`, 0 if there is none.
fn number_before(line: &str, word: &str) -> usize {
    let words: Vec<&str> = line.split([' ', ';', ',', '(', ')']).filter(|word| !word.is_empty()).collect();
    let found = words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok());
    found.unwrap_or(0)
}

/// The line without the escape sequences that colour it.
fn plain(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (usize, usize) {
        let tally = count(text);
        (tally.passed, tally.failed)
    }

    #[test]
    fn cargo_test_is_counted_over_all_its_binaries() {
        let text = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        assert_eq!(counts(text), (5, 1));
    }

    #[test]
    fn nextest_is_counted_by_its_summary() {
        let text =
            "     Summary [   0.512s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped";
        assert_eq!(counts(text), (10, 2));
        assert_eq!(counts("     Summary [   0.512s] 1 test run: 1 passed, 0 skipped"), (1, 0));
    }

    #[test]
    fn node_is_counted_in_both_of_its_reporters() {
        assert_eq!(counts("ℹ tests 3\nℹ suites 0\nℹ pass 2\nℹ fail 1\nℹ cancelled 0"), (2, 1));
        assert_eq!(counts("# tests 3\n# pass 3\n# fail 0\n# cancelled 1"), (3, 1));
    }

    #[test]
    fn the_plain_line_is_counted_and_prose_is_not() {
        assert_eq!(counts("500 passed, 0 failed"), (500, 0));
        assert_eq!(counts("seed 7 passed, seed 8 failed\nwe passed 3 failed ones"), (0, 0));
    }

    #[test]
    fn what_cannot_run_here_is_told_and_counts_neither_way() {
        let mut tally = Tally::success();
        tally.leave_out("a.test.mjs", "it needs a program");
        let mut all = Tally::default();
        all.add(tally);
        assert_eq!((all.passed, all.failed), (1, 0));
        assert_eq!(all.gaps, ["a.test.mjs was not run, because it needs a program"]);
    }

    #[test]
    fn colours_do_not_hide_a_closing_line() {
        assert_eq!(counts("\x1b[32m\x1b[1mℹ pass 4\x1b[0m"), (4, 0));
    }
}
