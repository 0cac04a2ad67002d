//! `cargo xtask package`: from Rust sources to an installed npm package.
//!
//! compile → bind → optimise ([`crate::bindings`]) → bundle ([`crate::bundle`]) → pack and install
//! ([`crate::pack`]). Every other command calls [`build`] first; when nothing has changed it is done in
//! the time that cargo takes to say so.

use std::fs::File;

use anyhow::{Context, Result};

use crate::fresh::{self, Stamp};
use crate::process::say;
use crate::standard_library::Std;
use crate::{bindings, bundle, node, pack, size, toolchain, workspace};

/// Everything besides the bindings that ends up in the package.
const INPUTS: [&str; 13] = [
    "pkg/metered_realtime.wasm",
    "pkg/generated/metered_realtime.js",
    "pkg/entry",
    "pkg/package.json",
    "pkg/index.d.ts",
    "pkg/slim.d.ts",
    "pkg/metered_realtime.wasm.d.ts",
    "pkg/metered_realtime.wasm.d.cts",
    "pkg/README.md",
    "js",
    "LICENSE",
    "CHANGELOG.md",
    "package-lock.json",
];

#[derive(clap::Args)]
#[group(skip)]
pub struct Options {
    /// The standard library inside the wasm; by default one built for size if that is possible
    #[arg(long, value_name = "WHICH")]
    pub std: Option<Std>,
}

/// Brings the package up to date: in `pkg/`, as a tarball, and installed in `node_modules`.
pub fn build() -> Result<()> {
    build_with(None)
}

/// The same, with a certain standard library.
pub fn build_with(std: Option<Std>) -> Result<()> {
    toolchain::ensure_wasm_target()?;
    let _one_at_a_time = lock()?;
    node::ensure()?;
    bindings::build(Std::choose(std)?)?;

    let fingerprint = fresh::fingerprint_with_tool(&INPUTS.map(workspace::at))?;
    let stamp = Stamp::at(workspace::target().join("package/package.stamp"));
    let complete = bundle::FILES.iter().all(|file| workspace::at("pkg").join(file).is_file());
    if !(stamp.is(&fingerprint) && complete && pack::tarball().is_file()) {
        bundle::build()?;
        let tarball = pack::pack()?;
        pack::install()?;
        stamp.write(&fingerprint)?;
        say(format_args!("packed {}", tarball.display()));
        size::Report::measure()?.print()?;
    } else if !pack::is_installed() {
        pack::install()?;
    }
    Ok(())
}

/// Held while the package is being built; another xtask waits for it.
fn lock() -> Result<File> {
    let path = workspace::target().join("package.lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say("waiting for another build of the package");
        file.lock().context("cannot wait for another build of the package")?;
    }
    Ok(file)
}
