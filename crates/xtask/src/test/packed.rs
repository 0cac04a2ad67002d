//! The npm package as those who install it meet it.

use anyhow::Result;

use super::{Bench, Tally, node};
use crate::pack;
use crate::size::{BUDGET, Report};

pub fn run(bench: &Bench) -> Result<Tally> {
    bench.package()?;
    let mut tally = Tally::default();
    let report = Report::measure()?;
    report.print();
    if report.within_budget() {
        tally.passed += 1;
    } else {
        tally.fail(format!("index.js is over its budget of {BUDGET} bytes"));
    }
    tally.add(node::run_files("tests/package", |node| {
        node.env("METERED_TARBALL", pack::tarball());
    })?);
    Ok(tally)
}
