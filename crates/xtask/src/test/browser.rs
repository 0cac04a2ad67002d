//! Headless browser tests: wasm-bindgen suites in a bare page, then whole pages driven from Node.

use anyhow::{Result, bail};

use super::{Bench, Tally, node};
use crate::browser::{Browser, Kind};
use crate::process::cargo;
use crate::shims;
use crate::toolchain::{self, WASM_TARGET};
use crate::workspace;

pub fn run(bench: &Bench) -> Result<Tally> {
    toolchain::ensure_wasm_target()?;
    bench.node()?;
    let browser = bench.browser()?;
    let mut tally = Tally::default();
    // Either half is run whatever became of the other.
    for half in [suites(browser), pages(bench, browser)] {
        tally.add(half.unwrap_or_else(|error| Tally::failure(format!("{error:#}"))));
    }
    Ok(tally)
}

/// Pages that load the package, from the server and from elsewhere.
fn pages(bench: &Bench, browser: &Browser) -> Result<Tally> {
    if browser.kind != Kind::Chrome {
        bail!("the page tests drive Chrome or Chromium, and here is only Firefox");
    }
    bench.package()?;
    bench.with_server(|server| {
        node::run_files("tests/browser", |node| {
            server.introduce(node);
            node.env("CHROME_PATH", &browser.program);
        })
    })
}

/// The `wasm_bindgen_test` suites in `tests/`.
fn suites(browser: &Browser) -> Result<Tally> {
    let files = workspace::files_in("tests", ".rs");
    if files.is_empty() {
        bail!("there is no suite in tests/");
    }
    let mut tally = Tally::default();
    for file in files {
        let Some(name) = file.file_stem().and_then(|name| name.to_str()) else { continue };
        let mut test = cargo(&["test", "--package", "metered-realtime", "--target", WASM_TARGET]);
        test.args(["--test", name]);
        test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", shims::test_runner()?);
        test.env("WASM_BINDGEN_TEST_TIMEOUT", "120");
        browser.drive(&mut test);
        tally.run_tests(&mut test)?;
    }
    Ok(tally)
}
