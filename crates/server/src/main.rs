//! `metered-server`: the signalling server as a program.

use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use metered_server::auth::Keys;
use metered_server::{Config, ServerState, serve};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// The signalling server: channels, presence and direct messages over WebSocket.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Serve development: a well-known key that grants everything, this machine only, nothing kept.
    #[arg(long)]
    dev: bool,

    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 9292)]
    port: u16,

    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,

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
}

/// The exit code of a command line that asks for what there is not, as clap has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();

    if !arguments.dev {
        return fail(USAGE, "only development mode exists at present: start it with --dev");
    }
    let Some(host) = parse_host(&arguments.host) else {
        return fail(USAGE, format_args!("--host {}: give an IP address or localhost", arguments.host));
    };
    if !host.is_loopback() {
        let host = &arguments.host;
        return fail(
            USAGE,
            format_args!("--dev grants everything to everyone and listens on loopback only, not on {host}"),
        );
    }
    for directory in arguments.www.iter().chain(&arguments.package) {
        if !directory.is_dir() {
            return fail(USAGE, format_args!("{} is not a directory", directory.display()));
        }
    }
    match run(arguments, host) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

fn fail(code: u8, message: impl std::fmt::Display) -> ExitCode {
    // Whoever closed stderr does not want to know.
    let _ = writeln!(io::stderr(), "metered-server: {message}");
    ExitCode::from(code)
}

fn parse_host(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        host => host.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}

#[tokio::main]
async fn run(arguments: Arguments, host: IpAddr) -> Result<(), Box<dyn Error>> {
    let mut config = Config { www: arguments.www, package: arguments.package, ..Config::dev() };
    if arguments.unlimited {
        config.limits.messages_per_second = 0;
    }
    if let Some(ms) = arguments.resume_grace {
        config.limits.resume_grace_ms = ms;
    }
    let shutdown = shutdown_signal()?;
    let address = SocketAddr::new(host, arguments.port);
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {} is in use: stop what uses it, or choose another with --port", address.port())
        }
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let address = listener.local_addr()?;
    let _ = writeln!(
        io::stdout(),
        "metered-server listening on http://{address} (WebSocket: ws://{address}, key {})",
        Keys::DEV_KEY
    );
    serve(listener, ServerState::new(config), shutdown).await?;
    Ok(())
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

/// Completes when the program is asked to end.
#[cfg(not(unix))]
fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
