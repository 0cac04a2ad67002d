//! How a server is set up: one value, whether it comes from a file or is [`Config::dev`].
//!
//! [`reader`] finds values and notes mistakes, [`file`](mod@file) knows the keys.

mod file;
mod mistake;
mod reader;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use metered_protocol::Secret;
pub use mistake::Mistake;

use crate::Limits;
use crate::auth::Keys;
use crate::net::{Tls, TrustedProxies};
use crate::turn::Turn;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the program listens. [`serve`](crate::serve) is given a listener instead.
    pub listen: SocketAddr,
    /// Who may connect. Apps share a server and nothing else: their channels and peers never meet.
    pub apps: Vec<App>,
    /// The bounds of everything.
    pub limits: Limits,
    /// Whether connections from this machine are free of [`Limits::connections_per_address`].
    pub exempt_loopback: bool,
    /// Who may say in `X-Forwarded-For` whose connection it is.
    pub trusted_proxies: TrustedProxies,
    /// The certificate, unless a proxy has it or there is none.
    pub tls: Option<Tls>,
    /// TURN servers to tell clients of.
    pub turn: Option<Turn>,
    /// How long, in milliseconds, a server that is asked to end goes on as before except that it says not to be ready:
    /// time for load balancers to notice.
    pub drain_ms: u64,
    /// When clients are asked to come back after a shutdown, in milliseconds.
    pub retry_after_ms: u64,
    /// How many clients are asked to come back in each second after that; 0 asks all of them at once.
    pub returning_per_second: u32,
    /// A directory to serve at `/`.
    pub www: Option<PathBuf>,
    /// A directory to serve at `/pkg/`, to pages of any origin.
    pub package: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
    /// What `/metrics` is told for only; `None` tells anybody.
    pub metrics_secret: Option<Secret>,
    /// Other servers that are one service with this one.
    pub cluster: Option<Cluster>,
}

/// The keys that open one app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name, in logs.
    pub id: String,
    /// Who may connect to it.
    pub keys: Keys,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or directives as in `RUST_LOG`, which overrides it.
    pub level: String,
    /// One JSON object a line, instead of text for people.
    pub json: bool,
}

/// Other servers that are one service with this one. They all know the same apps with the same keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The NATS server between them, or several that are one, separated by commas.
    pub nats: String,
    /// What all subjects begin with. Servers of different names do not know each other.
    pub name: String,
    /// How to log in, if NATS wants a user and a password.
    pub login: Option<Login>,
    /// The text of a NATS credentials file, if it wants one.
    pub credentials: Option<Secret>,
    /// A PEM file with the certificate that has signed NATS's own, if that is none that the system trusts.
    pub ca: Option<PathBuf>,
}

/// A user of NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Cluster {
    /// What all subjects begin with unless told otherwise.
    pub const DEFAULT_NAME: &str = "metered";

    /// Takes the URL of a NATS server: `nats://HOST[:PORT]`, or `tls://HOST[:PORT]`, which insists on TLS. Several are
    /// separated by commas.
    ///
    /// # Errors
    ///
    /// What is wrong, in words that hold no credential.
    pub fn parse(nats: &str) -> Result<Self, String> {
        if nats.contains('@') {
            return Err(
                "a URL is no place for credentials: expected user and password in [cluster]".to_owned()
            );
        }
        if !nats.split(',').all(is_nats_url) {
            return Err(format!("{nats:?}: expected a URL like \"nats://127.0.0.1:4222\""));
        }
        let name = Self::DEFAULT_NAME.to_owned();
        Ok(Self { nats: nats.to_owned(), name, login: None, credentials: None, ca: None })
    }
}

fn is_nats_url(url: &str) -> bool {
    let rest = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b))
    })
}

impl Config {
    /// The port that is listened on unless told otherwise.
    pub const DEFAULT_PORT: u16 = 9292;

    /// The set-up of development: well-known keys that grant everything. Not for a network.
    pub fn dev() -> Self {
        Self {
            apps: vec![App { id: "dev".to_owned(), keys: Keys::dev() }],
            exempt_loopback: true,
            ..Self::empty()
        }
    }

    /// All defaults, and nobody who may connect.
    fn empty() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), Self::DEFAULT_PORT),
            apps: Vec::new(),
            limits: Limits::default(),
            exempt_loopback: false,
            trusted_proxies: TrustedProxies::default(),
            tls: None,
            turn: None,
            drain_ms: 0,
            retry_after_ms: 1000,
            returning_per_second: 1000,
            www: None,
            package: None,
            log: Log { level: "warn".to_owned(), json: false },
            metrics_secret: None,
            cluster: None,
        }
    }

    /// Reads a configuration: the text of a TOML file, and over it the environment, in which
    /// `METERED_SERVER__LIMITS__MESSAGE_BYTES` stands for `message_bytes` in `[limits]`. Relative paths are taken
    /// from `directory`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not only the first thing.
    ///
    /// ```
    /// use metered_server::Config;
    ///
    /// let text = "[limits]\nmessage_bytes = \"many\"\n";
    /// let mistakes = Config::read(text, ".".as_ref(), &Default::default()).unwrap_err();
    /// assert_eq!(mistakes[1].to_string(), "2:17: limits.message_bytes: this is a string: expected a whole number from 0 to 16777216");
    /// ```
    pub fn read(
        text: &str,
        directory: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Mistake>> {
        file::read(text, directory, environment)
    }
}

/// Takes the address of an interface.
pub fn parse_host(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        host => host.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}
