//! Where things lie in the workspace.

use std::path::{Path, PathBuf};

/// The wasm package's name as cargo and wasm-bindgen spell it in file names.
pub const CRATE: &str = "metered_realtime";

/// The repository's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask)
}

/// A path below the repository's root.
pub fn at(path: &str) -> PathBuf {
    root().join(path)
}

/// Cargo's target directory, in which everything that xtask makes for itself lies too.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => at("target"),
    }
}

/// An executable of one of the npm packages in the lock file.
pub fn npm_tool(name: &str) -> PathBuf {
    at("node_modules/.bin").join(name)
}

/// An executable of the workspace, built by cargo's `dev` profile.
pub fn debug_binary(name: &str) -> PathBuf {
    target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// An executable of the workspace, built by cargo's `release` profile.
pub fn release_binary(name: &str) -> PathBuf {
    target().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// All files below `path` (or `path` itself), in a fixed order; none if it does not exist.
pub fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    entries_of(path).iter().flat_map(|entry| files_below(entry)).collect()
}

/// The files and directories directly in `dir`, in a fixed order; none if it does not exist.
pub fn entries(dir: &str) -> Vec<PathBuf> {
    entries_of(&at(dir))
}

fn entries_of(path: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    entries.sort();
    entries
}

/// The files directly in `dir` whose names end in `suffix`, in a fixed order.
pub fn files_in(dir: &str, suffix: &str) -> Vec<PathBuf> {
    let mut files = entries(dir);
    files.retain(|file| file.is_file() && file.to_string_lossy().ends_with(suffix));
    files
}
