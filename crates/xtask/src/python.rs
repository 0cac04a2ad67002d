//! Python packages that tests need: virtual environments in the target directory, each made once for its
//! `requirements.txt`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::fresh::{self, Stamp};
use crate::process::{self, command, on_path, say};
use crate::workspace;

/// A set of packages.
pub struct Environment {
    /// What it brings, for people.
    what: &'static str,
    /// Its directory in the target directory.
    directory: &'static str,
    requirements: &'static str,
}

/// The official SDK, for the tests in which it is a peer.
pub const OFFICIAL_SDK: Environment = Environment {
    what: "the official Python SDK",
    directory: "python",
    requirements: "tests/interop/requirements.txt",
};

/// The fuzzer of APIs that are described by OpenAPI.
pub const SCHEMATHESIS: Environment = Environment {
    what: "schemathesis",
    directory: "schemathesis",
    requirements: "tests/rest/requirements.txt",
};

impl Environment {
    /// The Python that has these packages.
    pub fn ensure(&self) -> Result<PathBuf> {
        let environment = workspace::target().join(self.directory);
        let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        let wanted = fresh::fingerprint(&[workspace::at(self.requirements)])?;
        let stamp = Stamp::at(environment.join(".installed-by-xtask"));
        if !(stamp.is(&wanted) && python.is_file()) {
            say(format_args!("installing {} into {} (once)", self.what, environment.display()));
            self.install(&environment, &python)?;
            stamp.write(&wanted)?;
        }
        Ok(python)
    }

    fn install(&self, environment: &Path, python: &Path) -> Result<()> {
        let Some(system) = ["python3", "python"].iter().find_map(|name| on_path(name)) else {
            bail!(self.missing())
        };
        process::read(command(system).args(["-m", "venv", "--clear"]).arg(environment))
            .with_context(|| self.missing())?;
        let mut pip = command(python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            self.requirements,
        ]);
        process::read(&mut pip).with_context(|| format!("pip could not install {}", self.what))?;
        Ok(())
    }

    fn missing(&self) -> String {
        format!(
            "the tests with {} need Python 3.10 or newer with venv and pip (Debian: `sudo apt-get install \
             python3 python3-venv`)",
            self.what
        )
    }
}
