//! The project's own server, as a child process for as long as its value lives.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, command, say};
use crate::workspace;

/// The publishable key that the server knows in its `--dev` mode.
pub const DEV_KEY: &str = "pk_live_dev";

const STARTUP: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub address: String,
}

/// Builds the server's executable and returns its path.
pub fn build() -> Result<PathBuf> {
    say("building the server");
    process::run(&mut cargo(&["build", "--quiet", "--package", "metered-server"]))?;
    Ok(workspace::debug_binary("metered-server"))
}

impl Server {
    /// Builds and starts the server on a loopback port (0: any free one) and waits until it listens.
    pub fn start(port: u16) -> Result<Self> {
        let binary = build()?;
        let mut server = command(&binary);
        server.args(["--dev", "--port", &port.to_string()]);
        for (option, directory) in [("--www", "www"), ("--package", "pkg")] {
            let directory = workspace::at(directory);
            if directory.is_dir() {
                server.arg(option).arg(directory);
            }
        }
        let mut child = server
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;

        let stdout = child.stdout.take().context("the server has no stdout")?;
        let (found, address) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads on after the address came: a full pipe would stop the server.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = found.send(address);
                }
            }
        });
        // From here on the child is stopped by dropping the value.
        let mut server = Self { child, address: String::new() };
        match address.recv_timeout(STARTUP) {
            Ok(address) => server.address = address,
            Err(_) => match server.child.try_wait() {
                Ok(Some(status)) => bail!("the server ended at once ({status})"),
                _ => bail!("the server did not print its address within {} s", STARTUP.as_secs()),
            },
        }
        say(format_args!("the server listens on {}", server.address));
        Ok(server)
    }

    /// Tells `command` where the server is and how to be let in.
    pub fn introduce(&self, command: &mut Command) {
        command
            .env("METERED_URL", self.address.replacen("http://", "ws://", 1))
            .env("METERED_HTTP_URL", &self.address)
            .env("METERED_KEY", DEV_KEY)
            .env("METERED_SERVER_BIN", workspace::debug_binary("metered-server"));
    }

    /// Blocks until the server ends.
    pub fn wait(mut self) -> Result<()> {
        self.child.wait().context("cannot wait for the server")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The loopback address in a line that the server printed.
pub fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c))).unwrap_or(rest.len());
    let host = rest[..end].trim_end_matches(['.', ':']);
    host.rsplit_once(':')?.1.parse::<u16>().ok()?;
    Some(format!("http://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_sentence() {
        let at = |line| address_in(line);
        assert_eq!(at("http://127.0.0.1:9292"), Some("http://127.0.0.1:9292".to_owned()));
        assert_eq!(
            at("listening on http://127.0.0.1:41234/ (dev)"),
            Some("http://127.0.0.1:41234".to_owned())
        );
        assert_eq!(at("It is http://127.0.0.1:80."), Some("http://127.0.0.1:80".to_owned()));
        assert_eq!(at("http://localhost without a port"), None);
        assert_eq!(at("hello"), None);
    }
}
