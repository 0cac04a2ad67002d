//! The official Python SDK, for the tests in which it is a peer: a virtual environment in the target directory, made
//! once for each `tests/interop/requirements.txt`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::fresh::{self, Stamp};
use crate::process::{self, command, on_path, say};
use crate::workspace;

const MISSING: &str = "the tests with the official Python SDK need Python 3.10 or newer with venv and pip \
                       (Debian: `sudo apt-get install python3 python3-venv`)";

const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// The Python that has the official SDK.
pub fn ensure() -> Result<PathBuf> {
    let environment = workspace::target().join("python");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = fresh::fingerprint(&[workspace::at(REQUIREMENTS)])?;
    let stamp = Stamp::at(environment.join(".installed-by-xtask"));
    if !(stamp.is(&wanted) && python.is_file()) {
        say(format_args!("installing the official Python SDK into {} (once)", environment.display()));
        install(&environment, &python)?;
        stamp.write(&wanted)?;
    }
    Ok(python)
}

fn install(environment: &Path, python: &Path) -> Result<()> {
    let Some(system) = ["python3", "python"].iter().find_map(|name| on_path(name)) else { bail!(MISSING) };
    process::read(command(system).args(["-m", "venv", "--clear"]).arg(environment)).context(MISSING)?;
    let mut pip = command(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        REQUIREMENTS,
    ]);
    process::read(&mut pip).context("pip could not install the official Python SDK")?;
    Ok(())
}
