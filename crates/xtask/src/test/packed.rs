//! The npm package as those who install it meet it, whichever standard library its wasm has inside.

use anyhow::{Result, bail};

use super::{Bench, Tally, node};
use crate::browser::Kind;
use crate::process::say;
use crate::size::Report;
use crate::standard_library::Std;
use crate::{bindings, pack, package, workspace};

/// What shows that a build works: it is loaded in each way, and two peers talk through it.
const ESSENTIAL: [&str; 2] = ["tests/package/load.test.mjs", "tests/node/echo.test.mjs"];

pub fn run(bench: &Bench) -> Result<Tally> {
    bench.package()?;
    let mut tally = Tally::default();
    let usual = weigh(&mut tally)?;
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
    if bindings::library()? == Std::Prebuilt {
        tally.leave_out("the package with a rebuilt standard library", "the toolchain cannot build one");
        return Ok(tally);
    }
    let with_the_other = try_prebuilt(bench, usual);
    // What the other parts use.
    package::build()?;
    tally.add(with_the_other?);
    Ok(tally)
}

/// Builds the package as it is where the standard library cannot be built again, and tries it.
fn try_prebuilt(bench: &Bench, usual: u64) -> Result<Tally> {
    package::build_with(Some(Std::Prebuilt))?;
    let mut tally = Tally::default();
    let weight = weigh(&mut tally)?;
    say(format_args!(
        "the toolchain's standard library adds {} bytes of brotli",
        weight.saturating_sub(usual)
    ));
    tally.add(bench.with_server(|server| {
        node::run_these(&ESSENTIAL.map(workspace::at), |node| {
            server.introduce(node);
            node.env("METERED_TARBALL", pack::tarball());
        })
    })?);
    Ok(tally)
}

/// Compares the package with its budget, and returns its weight in bytes of brotli.
fn weigh(tally: &mut Tally) -> Result<u64> {
    let report = Report::measure()?;
    report.print()?;
    let verdict = report.verdict()?;
    if verdict.is_over() {
        tally.fail(format!("index.js is {verdict}"));
    } else {
        tally.passed += 1;
    }
    Ok(report.weight())
}
