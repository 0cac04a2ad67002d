//! The Rust side of what a build needs: the wasm target of the installed toolchain.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{self, command, say};

/// The target of the wasm package.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Makes sure that the toolchain can compile to wasm; adds the target through rustup when it cannot.
pub fn ensure_wasm_target() -> Result<()> {
    if has_wasm_target()? {
        return Ok(());
    }
    if process::on_path("rustup").is_none() {
        bail!(
            "the Rust toolchain has no {WASM_TARGET} target: install rustup (https://rustup.rs) and run \
             `rustup target add {WASM_TARGET}`"
        );
    }
    say(format_args!("adding the Rust target {WASM_TARGET}"));
    process::run(command("rustup").args(["target", "add", WASM_TARGET]))
}

fn has_wasm_target() -> Result<bool> {
    let asked = ["--print", "target-libdir", "--target", WASM_TARGET];
    let directory = process::read(command("rustc").args(asked))?;
    Ok(Path::new(directory.trim()).is_dir())
}
