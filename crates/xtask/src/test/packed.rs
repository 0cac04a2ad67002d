//! The npm package as those who install it meet it.

use anyhow::{Result, bail};

use super::{Bench, Tally, node};
use crate::browser::Kind;
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
    let browser = bench.browser()?;
    if browser.kind != Kind::Chrome {
        bail!("the package's pages are opened in Chrome or Chromium, and here is only Firefox");
    }
    tally.add(bench.with_server(|server| {
        node::run_files("tests/package", |node| {
            server.introduce(node);
            node.env("CHROME_PATH", &browser.program);
            node.env("METERED_TARBALL", pack::tarball());
        })
    })?);
    Ok(tally)
}
