//! The package together with the official SDKs: the JavaScript one in Node and in pages, the Python one in processes.

use anyhow::{Result, bail};

use super::{Bench, Tally, node};
use crate::browser::{Browser, Kind};
use crate::python::OFFICIAL_SDK;
use crate::workspace::files_in;

const DIRECTORY: &str = "tests/interop";

pub fn run(bench: &Bench) -> Result<Tally> {
    bench.package()?;
    let mut tally = Tally::default();
    let mut lacks = |what: anyhow::Error| tally.fail(format!("{what:#}"));
    let python = OFFICIAL_SDK.ensure().map_err(&mut lacks).ok();
    let browser = bench.browser().and_then(drives_pages).map_err(&mut lacks).ok();

    // What lacks its peer has failed already; the rest says what it has to say.
    let mut files = files_in(DIRECTORY, ".test.mjs");
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        (python.is_some() || !name.starts_with("python")) && (browser.is_some() || !name.contains("-pages"))
    });
    tally.add(bench.with_server(|server| {
        node::run_these(&files, |node| {
            server.introduce(node);
            if let Some(python) = &python {
                node.env("METERED_PYTHON", python);
            }
            if let Some(browser) = browser {
                node.env("CHROME_PATH", &browser.program);
            }
        })
    })?);
    Ok(tally)
}

fn drives_pages(browser: &Browser) -> Result<&Browser> {
    if browser.kind != Kind::Chrome {
        bail!("the pages drive Chrome or Chromium, and here is only Firefox");
    }
    Ok(browser)
}
