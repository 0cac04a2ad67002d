//! Skipping work whose inputs have not changed.
//!
//! A step computes the fingerprint of everything it reads, does its work only if the stamp left by the
//! last run says something else, and leaves the new stamp when it is done. xtask itself counts as an
//! input: a change of how the work is done redoes it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace;

/// The fingerprint of the contents of files and whole directories. What does not exist has one too.
pub fn fingerprint(paths: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        for file in workspace::files_below(path) {
            file.hash(&mut hasher);
            std::fs::read(&file)
                .with_context(|| format!("cannot read {}", file.display()))?
                .hash(&mut hasher);
        }
        path.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// The fingerprint of `paths` and of the running xtask.
pub fn fingerprint_with_tool(paths: &[PathBuf]) -> Result<String> {
    let tool =
        std::env::current_exe().and_then(|exe| exe.metadata()?.modified()).context("where is xtask?")?;
    Ok(format!("{} {tool:?}", fingerprint(paths)?))
}

/// A small file that keeps the fingerprint of the last finished run.
pub struct Stamp(PathBuf);

impl Stamp {
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Whether the last finished run had this fingerprint.
    pub fn is(&self, fingerprint: &str) -> bool {
        std::fs::read_to_string(&self.0).is_ok_and(|last| last == fingerprint)
    }

    /// What the last finished run left, for people to read.
    pub fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }

    pub fn write(&self, fingerprint: &str) -> Result<()> {
        if let Some(parent) = self.0.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        std::fs::write(&self.0, fingerprint).with_context(|| format!("cannot write {}", self.0.display()))
    }
}
