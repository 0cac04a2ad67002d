//! What is wrong with the sources before anything runs.

use anyhow::Result;

use super::{Bench, Tally};
use crate::process::{cargo, command};
use crate::toolchain::{self, WASM_TARGET};
use crate::workspace;

pub fn run(bench: &Bench) -> Result<Tally> {
    let mut tally = Tally::default();
    tally.check(&mut cargo(&["fmt", "--all", "--check"]));
    tally.check(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]));

    toolchain::ensure_wasm_target()?;
    let root = ["--package", "metered-realtime", "--target", WASM_TARGET];
    tally.check(cargo(&["clippy", "--quiet", "--all-targets"]).args(root).args(["--", "-D", "warnings"]));
    // The documentation is for those who work on the crates: private modules are part of it, and links to
    // them too.
    let doc = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
    tally.check(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"));

    bench.node()?;
    tally.check(&mut types());
    tally.check(&mut typedoc());
    Ok(tally)
}

/// The declarations, and the programs in `tests/types` that use them.
fn types() -> std::process::Command {
    let mut tsc = command(workspace::npm_tool("tsc"));
    tsc.args(["--project", "tests/types"]);
    tsc
}

/// The documentation of the declarations, written to `target/docs`: everything is documented, and every link leads
/// somewhere.
fn typedoc() -> std::process::Command {
    let mut typedoc = command(workspace::at("tests/typedoc/node_modules/.bin/typedoc"));
    typedoc.args(["--options", "tests/typedoc/typedoc.json", "--logLevel", "Warn"]);
    typedoc
}
