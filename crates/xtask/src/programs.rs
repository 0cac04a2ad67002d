//! Programs that some tests drive and that the project does not build: found, or on Debian as root installed.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::process::{self, command, on_path, say};

/// A TURN server.
pub const COTURN: Program = Program {
    names: &["turnserver"],
    variable: "TURNSERVER",
    package: "coturn",
    missing: "it needs coturn (Debian: `sudo apt-get install coturn`)",
};

/// What sets the clock of the day for one program.
pub const FAKETIME: Program = Program {
    names: &["faketime"],
    variable: "FAKETIME_PATH",
    package: "faketime",
    missing: "it needs faketime (Debian: `sudo apt-get install faketime`)",
};

/// What makes networks out of namespaces.
pub const IPROUTE: Program = Program {
    names: &["ip"],
    variable: "IPROUTE",
    package: "iproute2",
    missing: "it needs iproute2 (Debian: `sudo apt-get install iproute2`)",
};

/// What makes several servers one.
pub const NATS: Program = Program {
    names: &["nats-server"],
    variable: "NATS_SERVER",
    package: "nats-server",
    missing: "it needs nats-server (Debian: `sudo apt-get install nats-server`)",
};

/// The other browser. The page tests drive it by WebDriver BiDi, which it speaks itself.
pub const FIREFOX: Program = Program {
    names: &["firefox", "firefox-esr"],
    variable: "FIREFOX_PATH",
    package: "firefox-esr",
    missing: "it needs Firefox (Debian: `sudo apt-get install firefox-esr`)",
};

pub struct Program {
    /// Under these it may be on PATH.
    names: &'static [&'static str],
    /// Where it is, for us as well as for the tests.
    pub variable: &'static str,
    /// Debian's package.
    package: &'static str,
    /// What to tell someone without it.
    missing: &'static str,
}

/// Where a program is, or why the tests that need it cannot run here.
pub type Found = std::result::Result<PathBuf, &'static str>;

impl Program {
    /// Looks for the program. Where it can be installed and is not there afterwards, that is a failure.
    pub fn find(&self) -> Result<Found> {
        if let Some(path) = self.present() {
            return Ok(Ok(path));
        }
        if !can_install() {
            return Ok(Err(self.missing));
        }
        install(&[self.package])?;
        let Some(path) = self.present() else { bail!("{} is installed and not there", self.package) };
        Ok(Ok(path))
    }

    fn present(&self) -> Option<PathBuf> {
        from_env(self.variable).or_else(|| self.names.iter().find_map(|name| on_path(name)))
    }
}

/// The file that an environment variable names.
pub fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

/// Whether this is a Debian on which we may install packages.
pub fn can_install() -> bool {
    is_root() && on_path("apt-get").is_some()
}

/// Whether we may do everything.
pub fn is_root() -> bool {
    process::read(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs Debian's packages.
pub fn install(packages: &[&str]) -> Result<()> {
    say(format_args!("installing {} (apt-get install)", packages.join(" ")));
    let apt = |arguments: &[&str]| {
        process::read(command("apt-get").env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())?;
    Ok(())
}
