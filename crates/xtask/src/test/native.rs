//! The tests that need neither Node nor a browser.

use anyhow::Result;

use super::Tally;
use crate::process::{cargo, on_path};

/// The crates' tests, by nextest where it is installed, and their documentation's examples.
pub fn crates() -> Result<Tally> {
    let mut tally = Tally::default();
    if on_path("cargo-nextest").is_some() {
        let mut nextest = cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level=fail"]);
        tally.run_tests(&mut nextest)?;
    } else {
        tally.run_tests(&mut cargo(&[
            "test",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--no-fail-fast",
        ]))?;
    }
    // Not every crate has an example in its documentation: this one may count nothing.
    tally.check(&mut cargo(&["test", "--quiet", "--workspace", "--doc"]));
    Ok(tally)
}
