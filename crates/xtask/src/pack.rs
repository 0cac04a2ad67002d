//! The package as npm would publish it, and installed in the workspace.
//!
//! Examples and tests import `metered-realtime` by its name and so run the packed files, not the
//! sources: what the package forgets to ship fails here first.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use crate::node::npm;
use crate::process::{self, command, say};
use crate::workspace;

/// Where `npm ci` knows nothing of it, and takes it away.
const INSTALLED: &str = "node_modules/metered-realtime";

/// Packs `pkg/` and returns the tarball.
pub fn pack() -> Result<PathBuf> {
    say("packing the npm package");
    for file in ["LICENSE", "CHANGELOG.md"] {
        let original = workspace::at(file);
        if original.is_file() {
            std::fs::copy(&original, workspace::at("pkg").join(file))
                .with_context(|| format!("cannot copy {file}"))?;
        }
    }
    let out = workspace::target().join("package");
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let report =
        process::read(command(npm()).args(["pack", "--json", "--pack-destination"]).arg(&out).arg("./pkg"))?;
    let name = file_name(&report).ok_or_else(|| anyhow!("npm pack did not name its file: {report}"))?;
    Ok(out.join(name))
}

/// npm has answered with an array of packages and, later, with an object keyed by package.
fn file_name(report: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let package = match &report {
        serde_json::Value::Array(packages) => packages.first()?,
        serde_json::Value::Object(packages) => packages.values().next()?,
        _ => return None,
    };
    Some(package.get("filename")?.as_str()?.to_owned())
}

/// The tarball of the current version.
pub fn tarball() -> PathBuf {
    workspace::target().join("package").join(format!("metered-realtime-{}.tgz", env!("CARGO_PKG_VERSION")))
}

/// Whether the workspace has the package installed.
pub fn is_installed() -> bool {
    workspace::at(INSTALLED).join("package.json").is_file()
}

/// Unpacks the tarball into the workspace's `node_modules`.
pub fn install() -> Result<()> {
    let installed = workspace::at(INSTALLED);
    let fresh = workspace::at("node_modules/.metered-realtime-unpacked");
    let stale = workspace::at("node_modules/.metered-realtime-replaced");
    for leftover in [&fresh, &stale] {
        let _ = std::fs::remove_dir_all(leftover);
    }
    std::fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    let unpack = ["--strip-components=1", "-xzf"];
    process::run(command("tar").args(unpack).arg(tarball()).arg("-C").arg(&fresh))?;

    // Swapped by renaming, for whoever imports it right now.
    if installed.exists() {
        std::fs::rename(&installed, &stale).context("cannot move the old package away")?;
    }
    std::fs::rename(&fresh, &installed).context("cannot put the package in place")?;
    let _ = std::fs::remove_dir_all(&stale);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_is_found_in_either_kind_of_report() {
        let array = r#"[{"name": "a", "filename": "a-1.tgz"}]"#;
        let object = r#"{"a": {"name": "a", "filename": "a-1.tgz"}}"#;
        assert_eq!(file_name(array).as_deref(), Some("a-1.tgz"));
        assert_eq!(file_name(object).as_deref(), Some("a-1.tgz"));
        assert_eq!(file_name("[]"), None);
        assert_eq!(file_name("nonsense"), None);
    }
}
