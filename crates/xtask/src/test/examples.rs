//! The examples as a user would run them, each by a test file of its own.

use std::path::Path;

use anyhow::Result;

use super::{Bench, Tally, node};
use crate::workspace;

pub fn run(bench: &Bench) -> Result<Tally> {
    let mut tally = node::run(bench, "tests/examples")?;
    for example in workspace::entries("examples") {
        match test_of(&example) {
            Some(test) if workspace::at(&test).is_file() => tally.passed += 1,
            Some(test) => tally.fail(format!("{} has no {test}", example.display())),
            None => tally.fail(format!("{} has no name", example.display())),
        }
    }
    Ok(tally)
}

/// Where the test of an example is: of a program among the programs' tests, of a page among the pages'.
fn test_of(example: &Path) -> Option<String> {
    let name = example.file_stem()?.to_str()?;
    let directory = if example.is_dir() { "browser" } else { "examples" };
    Some(format!("tests/{directory}/{name}.test.mjs"))
}
