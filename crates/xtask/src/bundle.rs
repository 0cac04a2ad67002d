//! Generated bindings and hand-written JavaScript to the files that people load.
//!
//! There are two entries, in `pkg/entry/`: `index`, which carries the wasm as text, and `slim`, which loads it from its
//! file. esbuild makes one file per module system out of each and everything that it imports: the bindings and the
//! modules in `js/`. Each file stands for itself, with an instance and classes of its own, so that the two entries
//! do not meet in a page that has both. What pages load is minified once more by terser, which knows more ways to say
//! the same shortly. A CommonJS module is not: Node reads it from disk, and finds its exports by esbuild's hints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::boundary::short_name;
use crate::process::{self, command, say};
use crate::workspace;
use crate::{bindings, inline};

/// The files of the entries, for `import` and for `require`.
pub const FILES: [&str; 4] = ["index.js", "index.cjs", "slim.js", "slim.cjs"];

/// What a CommonJS module has for `import.meta.url`.
const MODULE_URL: [&str; 2] = ["--define:import.meta.url=moduleUrl", "--inject:pkg/entry/module_url.js"];

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

    for file in FILES {
        bundle(file, &workspace::at("pkg").join(file), &[])?;
    }
    // The declarations are the same for both module systems; TypeScript wants one file for each.
    for entry in ["index", "slim"] {
        let types = std::fs::read_to_string(workspace::at(&format!("pkg/{entry}.d.ts")))
            .with_context(|| format!("cannot read the declarations of {entry}"))?;
        std::fs::write(
            workspace::at(&format!("pkg/{entry}.d.cts")),
            types.replace("./index.js", "./index.cjs"),
        )
        .with_context(|| format!("cannot write the declarations of {entry}"))?;
    }
    Ok(())
}

/// Bundles the entry for `file` to `out`, with what else esbuild is to be told.
fn bundle(file: &str, out: &Path, more: &[&str]) -> Result<()> {
    let names = short_names()?;
    let mut esbuild = command(workspace::npm_tool("esbuild"));
    let (entry, is_module) = match file.strip_suffix(".cjs") {
        Some(entry) => (format!("pkg/entry/{entry}.js"), false),
        None => (format!("pkg/entry/{file}"), true),
    };
    if !is_module {
        esbuild.args(MODULE_URL);
    }
    process::run(
        esbuild
            .arg(entry)
            .args(["--bundle", "--minify", "--platform=neutral", "--legal-comments=none", SYNTAX])
            .args(["--log-level=warning", "--charset=ascii"])
            .args(EXTERNAL)
            .arg(format!("--mangle-props={}", any_of(&names)?))
            .arg(format!("--mangle-cache={}", names.display()))
            .arg(if is_module { "--format=esm" } else { "--format=cjs" })
            .arg(format!("--outfile={}", out.display()))
            .args(more),
    )?;
    if is_module { process::run(&mut terser(out)) } else { Ok(()) }
}

/// The command that minifies a module in its place.
fn terser(module: &Path) -> Command {
    let mut terser = command(workspace::npm_tool("terser"));
    terser
        .arg(module)
        .args(["--module", "--ecma=2022", "--compress=passes=3", "--mangle", "--format=ascii_only=true"])
        .arg("--output")
        .arg(module);
    terser
}

/// Writes down the properties that have a short name: those of the boundary, and those in `js/` that begin with an underscore,
/// which are no part of the public API. So do the short ones, since an application may have classes derived from ours; and they
/// are upper case, unlike those of the boundary.
fn short_names() -> Result<PathBuf> {
    let mut names = read_names(&bindings::short_names())?;
    for module in workspace::files_below(&workspace::at("js")) {
        let text =
            std::fs::read_to_string(&module).with_context(|| format!("cannot read {}", module.display()))?;
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        for word in words.filter(|word| word.strip_prefix('_').is_some_and(|rest| !rest.is_empty())) {
            let short = format!("_{}", short_name(names.len()).to_uppercase());
            names.entry(word.to_owned()).or_insert(short);
        }
    }
    let out = workspace::target().join("package/names.json");
    let text = serde_json::to_vec(&names).context("cannot write the names as JSON")?;
    std::fs::write(&out, text).context("cannot write the short names")?;
    Ok(out)
}

fn read_names(file: &Path) -> Result<BTreeMap<String, String>> {
    let names = std::fs::read(file).context("cannot read the short names")?;
    serde_json::from_slice(&names).context("cannot parse the short names")
}

/// A regular expression for the properties that have a short name.
fn any_of(names: &Path) -> Result<String> {
    let names: Vec<_> = read_names(names)?.into_keys().map(|name| name.replace('$', "\\$")).collect();
    Ok(format!("^(?:{})$", names.join("|")))
}

/// Bundles the default entry's JavaScript alone, without the inlined wasm, to be measured.
pub fn javascript_alone() -> Result<PathBuf> {
    let out = workspace::target().join("package/without-wasm.js");
    bundle("index.js", &out, &["--external:*/inlined.js"])?;
    Ok(out)
}
