//! Rust to wasm and JavaScript: compile, bind, optimise.
//!
//! Leaves in `pkg/generated/` the bindings and the optimised wasm, and a copy of the latter as
//! `pkg/metered_realtime.wasm`, which the package exports.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;

use crate::fresh::{self, Stamp};
use crate::process::{self, cargo, command, say};
use crate::standard_library::Std;
use crate::toolchain::WASM_TARGET;
use crate::workspace::{self, CRATE};
use crate::{boundary, contents, streams};

/// What rustc emits for the target by default and wasm-opt must therefore accept and may use.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What wasm-opt does, chosen by what brotli makes of the package:
///
/// - Small code is made flat, so that each step is a statement, and has its control flow laid out anew, before it is
///   made small once more (1 %).
/// - Locals are merged and sorted by their use in the end (0.2 %).
/// - A function with one caller is inlined unless it is large (0.2 %).
/// - Nothing that the program points to lies in the first KB of memory: there the stack, which grows
///   downwards, would end (0.9 %).
/// - Sorted by name, instances of one generic function stand next to each other (0.5 %).
const PASSES: [&str; 12] = [
    "-Oz",
    "--flatten",
    "--rereloop",
    "-Oz",
    "--converge",
    "--one-caller-inline-max-function-size=400",
    "--low-memory-unused",
    "--merge-locals",
    "--coalesce-locals",
    "--reorder-locals",
    "--vacuum",
    "--reorder-functions-by-name",
];

/// The stack's size in bytes. Every instance holds all of it. Nothing here is recursive, but a handler may call another
/// client's method, and so on from client to client: in half of the compiler's default, four hundred of them fit. Addresses
/// of constants, which lie behind the stack, take a byte less than with all of it.
const STACK: &str = "-Clink-arg=-zstack-size=524288";

/// The directory of everything that is generated for the entries to bundle.
pub fn directory() -> PathBuf {
    workspace::at("pkg/generated")
}

/// The optimised wasm file as the package exports it.
pub fn wasm() -> PathBuf {
    workspace::at("pkg").join(format!("{CRATE}.wasm"))
}

/// The generated JavaScript, before it is bundled.
pub fn glue() -> PathBuf {
    directory().join(format!("{CRATE}.js"))
}

/// The properties that the bundler renames in the generated JavaScript, with their short names.
pub fn short_names() -> PathBuf {
    directory().join("names.json")
}

/// Which standard library the wasm file has inside.
pub fn library() -> Result<Std> {
    let name = library_stamp().read();
    let is = |std: &Std| std.name() == name;
    Std::value_variants().iter().copied().find(is).context("nobody has noted the wasm's standard library")
}

fn library_stamp() -> Stamp {
    Stamp::at(workspace::target().join("package/standard-library"))
}

/// Brings the bindings up to date.
pub fn build(std: Std) -> Result<()> {
    let compiled = compile(std)?;
    let inputs = [compiled.clone(), workspace::at("package-lock.json")];
    let fingerprint = fresh::fingerprint_with_tool(&inputs)?;
    let stamp = Stamp::at(workspace::target().join("package/bindings.stamp"));
    if stamp.is(&fingerprint) && wasm().is_file() && glue().is_file() {
        return Ok(());
    }
    bind(&compiled)?;
    share_snippets()?;
    shorten()?;
    optimise()?;
    library_stamp().write(std.name())?;
    stamp.write(&fingerprint)
}

/// Compiles the root package and returns the wasm file.
fn compile(std: Std) -> Result<PathBuf> {
    say(format_args!("compiling the wasm, with {}", std.description()));
    let mut build = cargo(&[
        "rustc",
        "--release",
        "--lib",
        // As a Rust library too, which the tests need, cargo would compile it without `lto`.
        "--crate-type=cdylib",
        "--package",
        "metered-realtime",
        "--target",
        WASM_TARGET,
    ]);
    std.apply(&mut build, remapping());
    build.args(["--", STACK]);
    process::run(build.env("CARGO_TERM_QUIET", quiet()))?;
    Ok(std.target().join(WASM_TARGET).join("release").join(format!("{CRATE}.wasm")))
}

/// A warm build has nothing to show; a first one takes minutes, and then cargo's progress is welcome.
fn quiet() -> &'static str {
    if wasm().is_file() { "true" } else { "false" }
}

/// Makes a release build of the wasm forget where on this machine the sources of its dependencies lie.
pub fn reproducible(mut cargo: std::process::Command) -> std::process::Command {
    Std::Prebuilt.apply(&mut cargo, remapping());
    cargo
}

/// Compiler flags that shorten the paths of dependencies: panic messages carry file names, and the same
/// sources shall give the same bytes everywhere.
fn remapping() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let indexes = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let flags = indexes.map(|index| format!("--remap-path-prefix={}=", index.path().display()));
    // The variable separates flags by spaces: a path with a space in it stays as it is.
    flags.filter(|flag| !flag.contains(' ')).collect()
}

fn bind(compiled: &Path) -> Result<()> {
    say("making the bindings");
    let out = directory();
    if out.exists() {
        // Snippets lie in directories named after a hash, which must not pile up.
        std::fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    let arguments = [
        "wasm-bindgen",
        "--target=web",
        "--no-typescript",
        "--omit-default-module-path",
        "--remove-producers-section",
        "--encode-into=always",
        "--out-name",
        CRATE,
        "--out-dir",
    ];
    let arguments = arguments.iter().map(Into::into).chain([out.into_os_string(), compiled.into()]);
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(arguments).context("wasm-bindgen failed")
}

/// wasm-bindgen copies each hand-written module that the Rust code imports from `js/` into a directory
/// of its own. An entry that imports the original would get a second instance of it, with other classes
/// in it; so each copy becomes an alias of its original.
fn share_snippets() -> Result<()> {
    let snippets = directory().join("snippets");
    for copy in workspace::files_below(&snippets) {
        let below: PathBuf = copy.strip_prefix(&snippets)?.components().skip(1).collect();
        if !workspace::root().join(&below).is_file() {
            // Inline snippets have no original.
            continue;
        }
        let up = "../".repeat(copy.strip_prefix(workspace::root())?.components().count() - 1);
        let alias = format!("export * from \"{up}{}\";\n", below.display());
        std::fs::write(&copy, alias).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    Ok(())
}

/// Gives the boundary its short names, in the wasm and in the glue.
fn shorten() -> Result<()> {
    let wasm = std::fs::read(bound()).context("cannot read the bound wasm")?;
    let text = std::fs::read_to_string(glue()).context("cannot read the glue")?;
    let shortened = boundary::shorten(&wasm, &text)?;
    std::fs::write(bound(), shortened.wasm).context("cannot write the bound wasm")?;
    std::fs::write(glue(), shortened.glue).context("cannot write the glue")?;
    let names = serde_json::to_vec(&shortened.names).context("cannot write the names as JSON")?;
    std::fs::write(short_names(), names).context("cannot write the short names")
}

fn optimise() -> Result<()> {
    let out = wasm();
    optimised(&out, &[])?;
    let plain = streams::without_hints(&std::fs::read(&out).context("wasm-opt left no file")?)?;
    std::fs::write(&out, plain).context("cannot write the wasm file")?;
    let before = contents::without_names(&bound())?;
    let after = out.metadata().map_err(|_| anyhow!("wasm-opt left no file"))?.len();
    if after >= before {
        bail!("wasm-opt made the wasm no smaller ({before} to {after} bytes): did it run?");
    }
    say(format_args!("wasm-opt -Oz: {before} to {after} bytes"));
    Ok(())
}

/// The wasm before wasm-opt, with its functions' names.
fn bound() -> PathBuf {
    directory().join(format!("{CRATE}_bg.wasm"))
}

/// Writes the optimised wasm to `out`.
fn optimised(out: &Path, more: &[&str]) -> Result<()> {
    if out.exists() {
        std::fs::remove_file(out)?;
    }
    process::run(
        command(workspace::npm_tool("wasm-opt"))
            .args(PASSES)
            .args(FEATURES)
            .args(["--strip-producers", "--strip-target-features"])
            .args(more)
            .arg(bound())
            .arg("-o")
            .arg(out),
    )
}

/// The same code as the package's, with names: for reading, not for shipping.
pub fn with_names() -> Result<PathBuf> {
    let out = workspace::target().join("package/with-names.wasm");
    optimised(&out, &["--debuginfo"])?;
    Ok(out)
}
