//! NATS and servers as processes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::client::{Client, in_an_hour, soon, token};
use crate::http;

/// A process that is killed when the test is over.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Nats {
    process: Process,
    port: u16,
    arguments: Vec<String>,
}

impl Nats {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One with more arguments, which tell where it listens unless they say otherwise.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (process, port) = Self::spawn("-1", &arguments);
        Self { process, port, arguments }
    }

    /// Starts it on a port; `-1` takes a free one. It is ready when this returns.
    fn spawn(port: &str, arguments: &[String]) -> (Process, u16) {
        let program = std::env::var("NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let mut command = Command::new(&program);
        command.args(["--addr", "127.0.0.1", "--port", port]).args(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = Process(child.unwrap_or_else(|error| panic!("cannot start {program}: {error}")));
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        let mut listening = None;
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                listening = Some(address.parse::<SocketAddr>().unwrap().port());
            }
            if line.contains("Server is ready") {
                break;
            }
        }
        // Its log is read to the end, or it would wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        (process, listening.expect("NATS says where it listens"))
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// With SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        (self.process, _) = Self::spawn(&self.port.to_string(), &self.arguments);
    }
}

/// A server of the cluster.
pub(crate) struct Node {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Node {
    /// A server with the well-known keys of development.
    pub(crate) fn start(nats: &str) -> Self {
        Self::with(&["--dev", "--port", "0", "--nats", nats], &[])
    }

    pub(crate) fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metered-server"));
        command.args(arguments).env_remove("RUST_LOG").envs(environment.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut process = Process(child);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").unwrap().1.split_whitespace().next().unwrap();
        let address = address.parse().unwrap();
        Self { process, address }
    }

    /// With SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Asks it to end, with SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// A client with a token for this peer id.
    pub(crate) async fn connect(&self, peer: &str) -> Client {
        self.connect_with(&query(peer)).await.0
    }

    /// A client, and its welcome.
    pub(crate) async fn connect_with(&self, query: &str) -> (Client, Value) {
        Client::connect(self.address, query).await
    }

    /// A client that is in a channel, and the snapshot that it got.
    pub(crate) async fn join(&self, peer: &str, channel: &str) -> (Client, Value) {
        let mut client = self.connect(peer).await;
        let snapshot = client.subscribe(channel).await;
        (client, snapshot)
    }

    pub(crate) async fn health(&self) -> String {
        http::call(self.address, "GET /healthz", "").await.body
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = http::call(self.address, "GET /metrics", "").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("metered_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

impl Client {
    /// Says goodbye.
    pub(crate) async fn leave(mut self) {
        soon(self.socket.close(None)).await.unwrap();
        while let Some(Ok(_)) = soon(self.socket.next()).await {}
    }
}

/// The query of a client with a token for a peer, of the well-known secret key.
pub(crate) fn query(peer: &str) -> String {
    token("sk_id_dev", "sk_secret_dev", &json!({"sub": peer, "exp": in_an_hour()}))
}

/// NATS and so many servers that know each other.
pub(crate) async fn cluster<const COUNT: usize>() -> (Nats, [Node; COUNT]) {
    let nats = Nats::start();
    let nodes = std::array::from_fn(|_| Node::start(&nats.url()));
    acquaint(&nodes.iter().collect::<Vec<_>>()).await;
    (nats, nodes)
}

/// Waits until these servers know each other: a client of each sees one of every other.
pub(crate) async fn acquaint(nodes: &[&Node]) {
    let mut probes = Vec::new();
    for node in nodes {
        let (mut client, _) = node.connect_with("key=pk_live_dev").await;
        let roster = Roster::new(&client.subscribe("probes").await);
        probes.push((client, roster));
    }
    for (client, roster) in &mut probes {
        while roster.0.len() < nodes.len() - 1 {
            roster.hear(&client.frame().await);
        }
    }
    for (client, _) in probes {
        client.leave().await;
    }
}

/// Who is in a channel, as its presence frames say.
#[derive(Debug, Default)]
pub(crate) struct Roster(pub(crate) std::collections::BTreeSet<String>);

impl Roster {
    pub(crate) fn new(snapshot: &Value) -> Self {
        let mut roster = Self::default();
        roster.hear(snapshot);
        roster
    }

    /// Takes in a presence frame. Nobody leaves who was not there, or joins who was.
    pub(crate) fn hear(&mut self, frame: &Value) {
        assert_eq!(frame["type"], "presence", "{frame}");
        for peer in names(&frame["left"]) {
            assert!(self.0.remove(&peer), "{peer} leaves who was not there: {frame}");
        }
        for peer in names(&frame["joined"]) {
            assert!(self.0.insert(peer.clone()), "{peer} joins who was there: {frame}");
        }
    }

    /// Reads on until exactly these are there.
    pub(crate) async fn until(&mut self, client: &mut Client, expected: &[&str]) {
        while !self.0.iter().map(String::as_str).eq(expected.iter().copied()) {
            self.hear(&client.frame().await);
        }
    }
}

pub(crate) fn names(peers: &Value) -> Vec<String> {
    peers.as_array().unwrap().iter().map(|peer| peer["peerId"].as_str().unwrap().to_owned()).collect()
}

/// Asks again and again until the answer is the right one: of this, nobody tells.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> T, is_right: impl Fn(&T) -> bool) {
    soon(async {
        while !is_right(&ask().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Fails if it takes longer than a dead server's members may be seen.
pub(crate) async fn within_ten_seconds(what: impl Future<Output = ()>) {
    let begun = Instant::now();
    soon(what).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
}
