//! wasm-pack on the root crate, for those who use it instead of the npm package's own build.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Bench, Tally};
use crate::bindings::reproducible;
use crate::browser::Kind;
use crate::process::{self, cargo, command, on_path, say};
use crate::{shims, toolchain, workspace};

pub fn run(bench: &Bench) -> Result<Tally> {
    toolchain::ensure_wasm_target()?;
    bench.node()?;
    let browser = bench.browser()?;
    let wasm_pack = installed()?;
    // wasm-pack takes its tools from PATH before it thinks of downloading any.
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([shims::directory()?].into_iter().chain(std::env::split_paths(&rest)))?;

    let mut tally = Tally::default();
    // Its own output directory: it would delete the tracked package.json in pkg/.
    let out = workspace::target().join("wasm-pack");
    let mut build = reproducible(command(&wasm_pack));
    build.args(["build", "--target", "web", "--out-dir"]).arg(&out).env("PATH", &path);
    tally.check(&mut build);
    for file in ["metered_realtime.js", "metered_realtime_bg.wasm", "package.json"] {
        if !out.join(file).is_file() {
            tally.fail(format!("wasm-pack build left no {file}"));
        }
    }

    let mut test = command(&wasm_pack);
    test.args(["test", "--headless"]).env("PATH", &path).env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    match browser.kind {
        Kind::Chrome => test.arg("--chrome").arg("--chromedriver").arg(&browser.driver),
        Kind::Firefox => test.arg("--firefox").arg("--geckodriver").arg(&browser.driver),
    };
    tally.run_tests(&mut test)?;
    Ok(tally)
}

/// wasm-pack from PATH, or built into the target directory.
fn installed() -> Result<PathBuf> {
    let tools = workspace::target().join("tools");
    let own = tools.join("bin").join(format!("wasm-pack{}", std::env::consts::EXE_SUFFIX));
    if let Some(found) = on_path("wasm-pack").or_else(|| own.is_file().then(|| own.clone())) {
        return Ok(found);
    }
    say("building wasm-pack (once, some minutes)");
    process::run(cargo(&["install", "--quiet", "--locked", "wasm-pack", "--root"]).arg(&tools))?;
    if !own.is_file() {
        bail!("`cargo install wasm-pack` left no executable in {}", tools.display());
    }
    Ok(own)
}
