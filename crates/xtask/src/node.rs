//! The Node side of what a build needs: node, npm, and the dev dependencies of the lock file.

use anyhow::{Context, Result, bail};

use crate::fresh::{self, Stamp};
use crate::process::{self, command, say};
use crate::workspace;

/// What to tell someone without Node.
pub const MISSING: &str = "Node.js 20.16 or newer with npm is needed: `apt-get install nodejs npm`, or get it from https://nodejs.org";

/// Major and minor. The package loads its optional dependencies by what came with it.
const OLDEST: (u32, u32) = (20, 16);

/// Makes sure that Node is there and new enough, and that the npm packages are installed.
pub fn ensure() -> Result<()> {
    let version = process::read(command("node").arg("--version"))?;
    let number = number(&version).with_context(|| format!("cannot read node's version {version:?}"))?;
    if number < OLDEST {
        bail!("this is Node {}, which is too old: {MISSING}", version.trim());
    }
    ensure_packages()
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The stamp lies inside node_modules: whoever deletes that directory deletes the stamp with it.
fn ensure_packages() -> Result<()> {
    let wanted = fresh::fingerprint(&[workspace::at("package-lock.json"), workspace::at("package.json")])?;
    let stamp = Stamp::at(workspace::at("node_modules/.installed-by-xtask"));
    if stamp.is(&wanted) {
        return Ok(());
    }
    say("installing the npm packages");
    process::read(command(npm()).args(["ci", "--no-progress"]))?;
    stamp.write(&wanted)
}

/// On Windows npm is a script that only starts by its full name.
pub fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_node_prints() {
        assert_eq!(number("v20.20.2\n"), Some((20, 20)));
        assert_eq!(number("v9.1.0"), Some((9, 1)));
        assert_eq!(number("20.16"), None);
        assert_eq!(number(""), None);
    }
}
