//! The tests that need neither Node nor a browser.

use anyhow::Result;

use super::Tally;
use crate::process::{cargo, on_path};
use crate::programs::NATS;

/// The tests that need NATS, by how their names begin.
const OVER_NATS: &str = "over_nats::";

/// The crates' tests, by nextest where it is installed, and their documentation's examples.
pub fn crates() -> Result<Tally> {
    let mut tally = Tally::default();
    let mut tests = if on_path("cargo-nextest").is_some() {
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level=fail"])
    } else {
        cargo(&["test", "--quiet", "--workspace", "--all-targets", "--no-fail-fast"])
    };
    match NATS.find()? {
        Ok(path) => drop(tests.env(NATS.variable, path)),
        Err(why) => {
            tests.args(["--", "--skip", OVER_NATS]);
            tally.leave_out(OVER_NATS, why);
        }
    }
    tally.run_tests(&mut tests)?;
    // Not every crate has an example in its documentation: this one may count nothing.
    tally.check(&mut cargo(&["test", "--quiet", "--workspace", "--doc"]));
    Ok(tally)
}
