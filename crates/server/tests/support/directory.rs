//! Files for a test.

use std::path::PathBuf;
use std::{env, fs};

/// A directory that is gone after the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    /// One with these files, by their names.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let path = env::temp_dir().join(format!("metered-server-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&path).unwrap();
        for (name, content) in files {
            fs::write(path.join(name), content).unwrap();
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
