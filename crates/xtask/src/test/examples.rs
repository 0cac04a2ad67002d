//! The examples as a user would run them, each by a test file of its own.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Bench, Tally, node};
use crate::workspace;

pub fn run(bench: &Bench) -> Result<Tally> {
    let mut tally = node::run(bench, "tests/examples")?;
    for example in workspace::entries("examples") {
        tally.add(has_a_test(&example));
    }
    Ok(tally)
}

fn has_a_test(example: &Path) -> Tally {
    let test = test_of(example).filter(|test| test.is_file());
    test.map_or_else(|| Tally::failure(format!("{} has no test", example.display())), |_| Tally::success())
}

/// Where the test of an example is: of a program among the programs' tests, of a page among the pages'.
fn test_of(example: &Path) -> Option<PathBuf> {
    let name = example.file_stem()?.to_str()?;
    let directory = if example.is_dir() { "browser" } else { "examples" };
    Some(workspace::at(&format!("tests/{directory}/{name}.test.mjs")))
}
