//! Generated bindings and hand-written JavaScript to the files that people load.
//!
//! esbuild makes one file per module system out of `pkg/entry/index.js` and everything that it imports:
//! the bindings, the modules in `js/`, and the wasm itself as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, command, say};
use crate::workspace;
use crate::{bindings, inline};

/// The default entry, for `import` and for `require`.
pub const ENTRIES: [(&str, &str); 2] = [("index.js", "esm"), ("index.cjs", "cjs")];

/// Newer syntax than this would shut out browsers that are still in use.
const SYNTAX: &str = "--target=es2022";

/// What only Node can have, and only some installations do, is looked up at run time.
const EXTERNAL: [&str; 3] = ["--external:node:*", "--external:ws", "--external:@roamhq/wrtc"];

/// Writes the entries.
pub fn build() -> Result<()> {
    say("bundling the entries");
    let wasm = std::fs::read(bindings::wasm()).context("cannot read the wasm file")?;
    let inlined = bindings::directory().join("inlined.js");
    std::fs::write(&inlined, inline::inline(&wasm)?).context("cannot write the inlined wasm")?;
    inline::check(&inlined, &bindings::wasm())?;

    for (file, format) in ENTRIES {
        process::run(&mut esbuild(format, &workspace::at("pkg").join(file))?)?;
    }
    // The declarations are the same for both module systems; TypeScript wants one file for each.
    let types = workspace::at("pkg/index.d.ts");
    if types.is_file() {
        std::fs::copy(types, workspace::at("pkg/index.d.cts")).context("cannot copy the declarations")?;
    }
    Ok(())
}

/// The command that bundles the default entry.
fn esbuild(format: &str, out: &Path) -> Result<Command> {
    let names = bindings::short_names();
    let mut esbuild = command(workspace::npm_tool("esbuild"));
    if format == "cjs" {
        // Node resolves the optional packages from where this one is installed, which a CommonJS module
        // knows by another name.
        esbuild.arg("--define:import.meta.url=__filename");
    }
    esbuild
        .arg("pkg/entry/index.js")
        .args(["--bundle", "--minify", "--platform=neutral", "--legal-comments=none", SYNTAX])
        .args(["--log-level=warning", "--charset=ascii"])
        .args(EXTERNAL)
        .arg(format!("--mangle-props={}", any_of(&names)?))
        .arg(format!("--mangle-cache={}", names.display()))
        .arg(format!("--format={format}"))
        .arg(format!("--outfile={}", out.display()));
    Ok(esbuild)
}

/// A regular expression for the properties that have a short name.
fn any_of(names: &Path) -> Result<String> {
    let names = std::fs::read(names).context("cannot read the short names")?;
    let names: BTreeMap<String, String> =
        serde_json::from_slice(&names).context("cannot parse the short names")?;
    let names: Vec<_> = names.into_keys().map(|name| name.replace('$', "\\$")).collect();
    Ok(format!("^(?:{})$", names.join("|")))
}

/// Bundles the entry's JavaScript alone, without the inlined wasm, to be measured.
pub fn javascript_alone() -> Result<PathBuf> {
    let out = workspace::target().join("package/without-wasm.js");
    process::run(esbuild("esm", &out)?.arg("--external:*/inlined.js"))?;
    Ok(out)
}
