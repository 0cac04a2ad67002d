//! `metered-server`: the signalling server as a program.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use metered_server::auth::Keys;
use metered_server::{Cluster, Config, ServerState, Tls, parse_host, serve};
use tokio::net::{TcpListener, TcpSocket};
use tracing_subscriber::EnvFilter;

/// What a crowd of connections took is the system's again some ten seconds after they have gone; glibc would keep it.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Connections that may wait to be taken, as far as the system allows. When everybody comes back after a restart, those
/// that find no room believe that they are connected, and try again after a second or never.
const BACKLOG: u32 = 4096;

/// The signalling server: channels, presence and direct messages over WebSocket.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration file, TOML. Variables METERED_SERVER__SECTION__KEY override it, and flags both.
    #[arg(value_name = "FILE", conflicts_with = "dev")]
    file: Option<PathBuf>,

    /// The same as FILE.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dev", "file"])]
    config: Option<PathBuf>,

    /// Serve development: a well-known key that grants everything, this machine only, nothing kept.
    #[arg(long)]
    dev: bool,

    /// The port to listen on; 0 takes a free one [default: 9292].
    #[arg(long)]
    port: Option<u16>,

    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<String>,

    /// Serve the files of this directory at /.
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,

    /// Serve the files of this directory at /pkg/.
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,

    /// Let connections send as many messages as they like.
    #[arg(long, requires = "dev")]
    unlimited: bool,

    /// Keep what a client misses for so long after its connection broke; 0 keeps nothing [default: 15000].
    #[arg(long, value_name = "MS")]
    resume_grace: Option<u64>,

    /// The NATS server that makes several servers one.
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Read a configuration file and tell everything that is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// The exit code of a command line that asks for what there is not, as clap has it.
const USAGE: u8 = 2;

/// Why the program ends before it serves, and with which exit code.
struct Failure {
    code: u8,
    messages: Vec<String>,
}

impl Failure {
    fn new(code: u8, message: impl Display) -> Self {
        Self { code, messages: vec![format!("metered-server: {message}")] }
    }

    fn report(self) -> ExitCode {
        for message in self.messages {
            // Whoever closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "{message}");
        }
        ExitCode::from(self.code)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Check { file }) = &arguments.command {
        return match load(file) {
            Ok(_) => {
                let _ = writeln!(io::stdout(), "OK");
                ExitCode::SUCCESS
            }
            Err(failure) => failure.report(),
        };
    }
    let is_dev = arguments.dev;
    let config = match configure(arguments) {
        Ok(config) => config,
        Err(failure) => return failure.report(),
    };
    start_log(&config);
    if !config.listen.ip().is_loopback() && config.tls.is_none() && config.trusted_proxies.is_empty() {
        tracing::warn!(
            "neither [tls] nor trusted_proxies is set: clients refuse ws:// to other hosts, and behind a proxy all of \
             them count as one address"
        );
    }
    match run(config, is_dev) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::new(1, error).report(),
    }
}

/// Reads a configuration file and the environment over it.
fn load(file: &Path) -> Result<Config, Failure> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(1, format_args!("cannot read {name}: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let environment: BTreeMap<_, _> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let directory = file.parent().unwrap_or(Path::new(""));
    Config::read(text, directory, &environment).map_err(|mistakes| {
        let tell = |mistake: metered_server::Mistake| match mistake.variable {
            Some(_) => format!("environment: {mistake}"),
            None => format!("{name}:{mistake}"),
        };
        Failure { code: 1, messages: mistakes.into_iter().map(tell).collect() }
    })
}

/// The configuration that the command line asks for.
fn configure(arguments: Arguments) -> Result<Config, Failure> {
    let usage = |message: &dyn Display| Failure::new(USAGE, message);
    let mut config = match (arguments.dev, arguments.config.or(arguments.file)) {
        (true, _) => Config::dev(),
        (false, Some(file)) => load(&file)?,
        (false, None) => {
            return Err(usage(&"name a configuration file, or start it for development with --dev"));
        }
    };
    if let Some(host) = &arguments.host {
        let ip = parse_host(host)
            .ok_or_else(|| usage(&format_args!("--host {host}: give an IP address or localhost")))?;
        if arguments.dev && !ip.is_loopback() {
            return Err(usage(&format_args!(
                "--dev grants everything to everyone and listens on loopback only, not on {host}"
            )));
        }
        config.listen.set_ip(ip);
    }
    for directory in arguments.www.iter().chain(&arguments.package) {
        if !directory.is_dir() {
            return Err(usage(&format_args!("{} is not a directory", directory.display())));
        }
    }
    if let Some(nats) = &arguments.nats {
        let named = Cluster::parse(nats).map_err(|what| usage(&format_args!("--nats: {what}")))?;
        // How to log in stays as the file has it.
        config.cluster = match config.cluster.take() {
            Some(cluster) => Some(Cluster { nats: named.nats, ..cluster }),
            None => Some(named),
        };
    }
    config.listen.set_port(arguments.port.unwrap_or(config.listen.port()));
    config.www = arguments.www.or(config.www);
    config.package = arguments.package.or(config.package);
    if arguments.unlimited {
        config.limits.messages_per_second = 0;
    }
    if let Some(ms) = arguments.resume_grace {
        config.limits.resume_grace_ms = ms;
    }
    Ok(config)
}

fn start_log(config: &Config) {
    // The configuration's own level was parsed before; RUST_LOG is taken as far as it can be.
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::new(directives),
        _ => EnvFilter::new(&config.log.level),
    };
    // A line that cannot be written, as on a full disk, is lost. To say so on stderr as well would be a panic.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    if config.log.json {
        lines.json().init()
    } else {
        lines.init()
    }
    // What libraries say by the other way of logging: the WebSocket's writes down whole frames, credentials included, and
    // no directive shall make it.
    log::set_max_level(log::LevelFilter::Info);
}

#[tokio::main]
async fn run(config: Config, is_dev: bool) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown_signal()?;
    // Development ends with its terminal, as programs do unless they take SIGHUP for something else.
    if !is_dev {
        tokio::spawn(reload_when_asked(config.tls.clone())?);
    }
    let address: SocketAddr = config.listen;
    let listener = listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {} is in use: stop what uses it, or choose another with --port", address.port())
        }
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let address = listener.local_addr()?;
    let (http, ws) = if config.tls.is_some() { ("https", "wss") } else { ("http", "ws") };
    let apps = config.apps.iter().map(|app| app.id.as_str()).collect::<Vec<_>>().join(", ");
    let who = if is_dev { format!("key {}", Keys::DEV_KEY) } else { format!("apps: {apps}") };
    let _ = writeln!(
        io::stdout(),
        "metered-server listening on {http}://{address} (WebSocket: {ws}://{address}, {who})"
    );
    serve(listener, ServerState::new(config), shutdown).await?;
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Elsewhere that would let two servers have the same port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Completes when the program is asked to end.
#[cfg(unix)]
fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Reads the certificate again each time the program is asked to by SIGHUP, for ever.
#[cfg(unix)]
fn reload_when_asked(tls: Option<Tls>) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            match tls.as_ref().map(Tls::reload) {
                Some(Ok(())) => tracing::info!("the certificate is read again"),
                Some(Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
                None => tracing::info!("there is no certificate to read again"),
            }
        }
    })
}

/// Nobody asks here.
#[cfg(not(unix))]
fn reload_when_asked(_: Option<Tls>) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(std::future::ready(()))
}

/// Completes when the program is asked to end.
#[cfg(not(unix))]
fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
