//! The servers that are compared, each as a child process for as long as its value lives.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::write;
use crate::process::{self, cargo, command, say};
use crate::programs::NATS;
use crate::server::address_in;
use crate::{node, workspace};

const STARTUP: Duration = Duration::from_secs(20);

/// NATS with a WebSocket listener, on ports of its own choice.
const NATS_CONFIG: &str =
    "host: 127.0.0.1\nport: -1\nwebsocket { host: 127.0.0.1, port: -1, no_tls: true }\n";

/// A server that is measured.
pub struct Contestant {
    /// What tables call it.
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone)]
pub enum Kind {
    /// A build of the project's own server.
    Metered(PathBuf),
    /// `nats-server`, with its configuration.
    Nats(PathBuf, PathBuf),
    /// `bench/server/ws-fanout.mjs`.
    Node,
}

/// A contestant that runs.
pub struct Running {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
}

/// The executables of our server and of the load, built as the server is shipped.
pub fn build() -> Result<[PathBuf; 2]> {
    say("building the server and the load (profile server)");
    let packages = ["--package", "metered-server", "--package", "metered-load"];
    process::run(cargo(&["build", "--quiet", "--profile", "server"]).args(packages))?;
    Ok(["metered-server", "metered-load"].map(|name| {
        workspace::target().join("server").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }))
}

/// All contestants that can run here. Ours comes twice: how far the two differ is what the machine does.
pub fn all(ours: &Path, against: Option<&Path>) -> Result<Vec<Contestant>> {
    let contestant = |name, kind| Contestant { name, kind };
    let mut all = vec![
        contestant("metered", Kind::Metered(ours.into())),
        contestant("metered again", Kind::Metered(ours.into())),
    ];
    all.extend(against.map(|other| contestant("other build", Kind::Metered(other.into()))));
    match NATS.find()? {
        Ok(nats) => {
            let version = process::read(command(&nats).arg("--version"))?;
            say(format_args!("NATS is {}", version.trim()));
            let config = workspace::target().join("bench/nats.conf");
            write(&config, NATS_CONFIG)?;
            all.push(contestant("NATS", Kind::Nats(nats, config)));
        }
        Err(missing) => say(format_args!("NATS is not measured: {missing}")),
    }
    node::ensure()?;
    all.push(contestant("Node ws", Kind::Node));
    Ok(all)
}

impl Contestant {
    /// Starts the server on a free port and waits until it listens.
    pub fn start(&self, unlimited: bool) -> Result<Running> {
        let mut server = match &self.kind {
            Kind::Metered(binary) => {
                let mut server = command(binary);
                server.args(["--dev", "--port", "0"]).args(unlimited.then_some("--unlimited"));
                server
            }
            Kind::Nats(binary, config) => {
                let mut server = command(binary);
                server.arg("-c").arg(config);
                server
            }
            Kind::Node => {
                let mut server = command("node");
                server.arg("bench/server/ws-fanout.mjs");
                server
            }
        };
        Running::start(&mut server).with_context(|| self.name)
    }

    /// What the load calls the protocol of the server.
    pub fn dialect(&self) -> &'static str {
        if matches!(self.kind, Kind::Nats(..)) { "nats" } else { "metered" }
    }
}

impl Running {
    fn start(server: &mut Command) -> Result<Self> {
        server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = server.spawn()?;
        let (found, address) = mpsc::channel();
        let listen = |output: Option<Box<dyn Read + Send>>| {
            let found = found.clone();
            let lines = output.map(BufReader::new).into_iter().flat_map(BufRead::lines);
            // Reads on after the address came: a full pipe would stop the server.
            move || {
                for line in lines.map_while(Result::ok) {
                    let _ = address_of(&line).map(|address| found.send(address));
                }
            }
        };
        std::thread::spawn(listen(child.stdout.take().map(|stdout| Box::new(stdout) as _)));
        std::thread::spawn(listen(child.stderr.take().map(|stderr| Box::new(stderr) as _)));
        // From here on the child is stopped by dropping the value.
        let mut running = Self { child, address: String::new() };
        running.address = address
            .recv_timeout(STARTUP)
            .map_err(|_| anyhow!("no address within {} s", STARTUP.as_secs()))?;
        if let Some(status) = running.child.try_wait()? {
            bail!("it ended at once ({status})");
        }
        Ok(running)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server says that it takes WebSockets.
fn address_of(line: &str) -> Option<String> {
    if let Some((_, address)) = line.split_once("Listening for websocket clients on ws://") {
        return Some(address.trim().to_owned());
    }
    address_in(line).map(|address| address.replacen("http://", "", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_tells_where_it_takes_websockets() {
        let ours = "metered-server listening on http://127.0.0.1:9292 (WebSocket: ws://127.0.0.1:9292, key pk_live_dev)";
        assert_eq!(address_of(ours).as_deref(), Some("127.0.0.1:9292"));
        let nats =
            "[1] 2026/01/01 00:00:00.000000 [INF] Listening for websocket clients on ws://127.0.0.1:8080";
        assert_eq!(address_of(nats).as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(address_of("[INF] Listening for client connections on 127.0.0.1:4222"), None);
    }
}
