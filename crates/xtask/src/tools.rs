//! Tools of cargo's that are not built with the workspace: each is installed once, in the version that is named here.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{self, cargo, say};
use crate::workspace;

/// A crate with an executable of the same name.
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Builds targets with libFuzzer and runs them.
pub const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// Judges what is depended on.
pub const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

impl Tool {
    /// Where the tool is. Installs it, in the target directory, when it is not there.
    pub fn ensure(&self) -> Result<PathBuf> {
        let root = workspace::target().join("tools").join(format!("{}-{}", self.name, self.version));
        let tool = root.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        if !tool.is_file() {
            say(format_args!("installing {} {} (cargo install, once)", self.name, self.version));
            let mut install =
                cargo(&["install", "--quiet", "--locked", self.name, "--version", self.version]);
            process::run(install.arg("--root").arg(root))?;
        }
        Ok(tool)
    }
}
