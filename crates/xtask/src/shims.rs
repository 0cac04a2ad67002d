//! wasm-bindgen's two tools, played by xtask itself.
//!
//! cargo's test runner setting and wasm-pack want executables. These are links to xtask by the tools'
//! names: called by such a name, xtask is that tool, in the version that the lock file pins. Next to them
//! lies `wasm-opt` from npm, so that wasm-pack finds all three on its PATH and downloads nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace;

const BINDGEN: &str = "wasm-bindgen";
const TEST_RUNNER: &str = "wasm-bindgen-test-runner";

/// Does the work of the tool whose name xtask was called by, if it was called by one.
pub fn answer() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let name = Path::new(arguments.first()?).file_stem()?.to_str()?;
    let outcome = match name {
        BINDGEN => wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(arguments),
        TEST_RUNNER => wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(arguments),
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

/// The directory of the tools, made if it is not there.
pub fn directory() -> Result<PathBuf> {
    let directory = workspace::target().join("tools/bin");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let xtask = std::env::current_exe().context("where is xtask?")?;
    link(&xtask, &directory.join(BINDGEN))?;
    link(&xtask, &directory.join(TEST_RUNNER))?;
    link(&workspace::npm_tool("wasm-opt"), &directory.join("wasm-opt"))?;
    Ok(directory)
}

/// The test runner's path.
pub fn test_runner() -> Result<PathBuf> {
    Ok(directory()?.join(TEST_RUNNER))
}

#[cfg(unix)]
fn link(to: &Path, from: &Path) -> Result<()> {
    if std::fs::read_link(from).is_ok_and(|target| target == to) {
        return Ok(());
    }
    let _ = std::fs::remove_file(from);
    std::os::unix::fs::symlink(to, from).with_context(|| format!("cannot link {}", from.display()))
}

#[cfg(not(unix))]
fn link(to: &Path, from: &Path) -> Result<()> {
    let from = from.with_extension(to.extension().unwrap_or_default());
    std::fs::copy(to, &from).with_context(|| format!("cannot copy to {}", from.display()))?;
    Ok(())
}
