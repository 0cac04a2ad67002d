//! The standard library inside the wasm: as it comes with the toolchain, or built again for size.
//!
//! The toolchain's is compiled for speed and with everything that a panic prints. Built again for size,
//! with panics that end the program at once, it takes a tenth off the download. That needs its sources (the
//! `rust-src` component) and compiler flags that are not stable yet, which `RUSTC_BOOTSTRAP` unlocks for
//! this one build. Where either is not to be had the toolchain's library does: the package is larger, and
//! behaves the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::fresh::Stamp;
use crate::process::{self, cargo, command, on_path, say};
use crate::toolchain::WASM_TARGET;
use crate::workspace;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Std {
    /// The one that came with the toolchain
    Prebuilt,
    /// One built for size, from the sources in the component `rust-src`
    Rebuilt,
}

/// What cargo is told on top of the usual.
const CARGO_FLAGS: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];

/// What the compiler is told. Without formatting and locations a panic could say nothing, and so it does
/// not even try. Inlining before LLVM is otherwise part of `-O2` and `-O3` only, but makes the code smaller
/// too (2.7 % of the download).
const RUSTC_FLAGS: &str =
    "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none -Zinline-mir=yes";

impl Std {
    /// Rebuilt if that is possible here, unless one of the two is wanted.
    pub fn choose(wanted: Option<Self>) -> Result<Self> {
        match wanted {
            Some(Self::Prebuilt) => Ok(Self::Prebuilt),
            Some(Self::Rebuilt) => prepare(true).map(|()| Self::Rebuilt),
            None => match prepare(false) {
                Ok(()) => Ok(Self::Rebuilt),
                Err(why) => {
                    say(format_args!("using the toolchain's standard library, a larger one: {why:#}"));
                    Ok(Self::Prebuilt)
                }
            },
        }
    }

    /// What the command line and the budget call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prebuilt => "prebuilt",
            Self::Rebuilt => "rebuilt",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::Prebuilt => "the toolchain's standard library",
            Self::Rebuilt => "a standard library built for size",
        }
    }

    /// Cargo's target directory. Other flags, other directory: neither build makes the other start anew.
    pub fn target(self) -> PathBuf {
        match self {
            Self::Prebuilt => workspace::target(),
            Self::Rebuilt => workspace::target().join("rebuilt-std"),
        }
    }

    /// Makes a cargo build of the wasm one with this library. `flags` are those for the compiler.
    pub fn apply(self, cargo: &mut Command, mut flags: Vec<String>) {
        if self == Self::Rebuilt {
            flags.push(RUSTC_FLAGS.to_owned());
            cargo.args(CARGO_FLAGS).arg("--target-dir").arg(self.target());
            cargo.env("RUSTC_BOOTSTRAP", "1");
            // It would take the place of the flags below.
            cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        }
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "));
    }
}

/// Makes sure that the library can be built again, by trying once for each toolchain. A try that failed
/// is repeated when the toolchain has changed, or on demand.
fn prepare(again: bool) -> Result<()> {
    let toolchain = process::read(command("rustc").args(["--version", "--verbose"]))?;
    let flags = format!("{CARGO_FLAGS:?} {RUSTC_FLAGS}");
    let circumstances =
        || -> Result<String> { Ok(format!("{toolchain}{flags} sources: {}", sources()?.is_dir())) };
    let possible = Stamp::at(workspace::target().join("package/rebuilt-std.possible"));
    let impossible = Stamp::at(workspace::target().join("package/rebuilt-std.impossible"));
    let now = circumstances()?;
    if possible.is(&now) {
        return Ok(());
    }
    if impossible.is(&now) && !again {
        bail!("this toolchain cannot build another (`cargo xtask package --std rebuilt` tries again)");
    }
    let outcome = add_sources().and_then(|()| try_it());
    let stamp = if outcome.is_ok() { possible } else { impossible };
    stamp.write(&circumstances()?)?;
    outcome
}

/// Where the toolchain has the sources of its standard library.
fn sources() -> Result<PathBuf> {
    let root = process::read(command("rustc").args(["--print", "sysroot"]))?;
    Ok(Path::new(root.trim()).join("lib/rustlib/src/rust/library"))
}

fn add_sources() -> Result<()> {
    if sources()?.is_dir() {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        bail!("its sources are not installed");
    }
    say("adding the Rust component rust-src");
    process::read(command("rustup").args(["component", "add", "rust-src"]))
        .map(drop)
        .context("its sources cannot be installed")
}

/// Builds the library and an empty crate on it. The package's build then finds the library done.
fn try_it() -> Result<()> {
    say("building a standard library for size (once, a minute)");
    let probe = workspace::target().join("package/probe");
    let write = |file: &str, text: &str| {
        let path = probe.join(file);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    std::fs::create_dir_all(probe.join("src")).context("cannot create a crate")?;
    write("Cargo.toml", PROBE)?;
    write("src/lib.rs", "")?;
    let mut build = cargo(&["build", "--quiet", "--release", "--target", WASM_TARGET]);
    Std::Rebuilt.apply(&mut build, Vec::new());
    build.current_dir(probe);
    let Err(error) = process::read(&mut build) else { return Ok(()) };
    // What the compiler or cargo says first is the cause; the rest is long.
    let text = format!("{error:#}");
    let cause = text.lines().find_map(|line| Some(line.split_once("error: ")?.1)).unwrap_or(&text);
    bail!("building another failed: {}", cause.trim())
}

const PROBE: &str = r#"[package]
name = "probe"
edition = "2021"
[workspace]
[profile.release]
opt-level = "z"
lto = "fat"
codegen-units = 1
panic = "abort"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(std: Std) -> String {
        let mut cargo = Command::new("cargo");
        std.apply(&mut cargo, vec!["--remap-path-prefix=/a=".to_owned()]);
        let variable = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
            (name == "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS").then(|| value.map(|v| v.to_owned()))
        };
        let value = cargo.get_envs().find_map(variable).flatten().unwrap_or_default();
        value.to_string_lossy().into_owned()
    }

    #[test]
    fn either_library_keeps_the_flags_that_it_is_given() {
        assert_eq!(flags(Std::Prebuilt), "--remap-path-prefix=/a=");
        assert_eq!(flags(Std::Rebuilt), format!("--remap-path-prefix=/a= {RUSTC_FLAGS}"));
    }

    #[test]
    fn the_two_do_not_share_a_target_directory() {
        assert_ne!(Std::Prebuilt.target(), Std::Rebuilt.target());
    }
}
