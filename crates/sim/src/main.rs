//! `metered-sim`: replay one seed, or run many.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use metered_sim::campaign::{End, campaign};
use metered_sim::plan::{Role, Settings};
use metered_sim::scenario::run;

/// Runs the core and the server's hub in a virtual world.
#[derive(Parser)]
struct Options {
    /// Replay one seed and print what happens
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run so many seeds
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    start: u64,
    /// Clients in each world [default: as many as the seed says]
    #[arg(long)]
    clients: Option<usize>,
    /// Only the worlds of this kind [default: both]
    #[arg(long)]
    only: Option<Kind>,
    /// Run no more seeds after one that fails
    #[arg(long)]
    fail_fast: bool,
    /// Threads [default: one per core of the machine]
    #[arg(long)]
    jobs: Option<usize>,
    /// Print what was seen how often
    #[arg(long)]
    sights: bool,
}

/// A kind of world.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Of `MeteredPeer`s in a room
    Rooms,
    /// Of bare `SignallingClient`s
    Clients,
}

impl Kind {
    fn role(self) -> Role {
        match self {
            Self::Rooms => Role::Peer,
            Self::Clients => Role::Client,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let passed = match options.seed {
        Some(seed) => replay(seed, options.settings(true)),
        None => explore(&options),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Options {
    fn settings(&self, print: bool) -> Settings {
        Settings { print, clients: self.clients, role: self.only.map(Kind::role) }
    }
}

fn replay(seed: u64, settings: Settings) -> bool {
    match run(seed, settings) {
        Ok(report) => {
            let converged = seconds(report.converged_after);
            println!("seed {seed}: converged {converged} s after the last fault, {} events", report.events);
            println!("trace hash {:016x}", report.hash);
            println!("1 passed, 0 failed");
            true
        }
        Err(failure) => {
            println!("seed {seed}: {failure}");
            println!("0 passed, 1 failed");
            false
        }
    }
}

fn explore(options: &Options) -> bool {
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let end = options.start.saturating_add(options.seeds);
    let until = if options.fail_fast { End::FirstFailure } else { End::LastSeed };
    let tally = campaign(options.start..end, options.settings(false), jobs, until);
    for (seed, failure) in &tally.failed {
        println!("seed {seed} failed: {failure}");
        let clients = options.clients.map(|count| format!(" --clients {count}")).unwrap_or_default();
        println!("    replay: cargo xtask sim --seed {seed}{clients}");
    }
    for (sight, count) in tally.sum.sights.iter().filter(|_| options.sights) {
        println!("{count:>10}  {sight}");
    }
    let (slowest, slowest_seed) = tally.slowest;
    println!(
        "seeds {}..{end}: {} events in {:.1} s; the slowest world converged {} s after its last fault (seed {})",
        options.start,
        tally.sum.events,
        tally.wall.as_secs_f64(),
        seconds(slowest),
        slowest_seed,
    );
    println!("{} passed, {} failed", tally.passed, tally.failed.len());
    tally.failed.is_empty()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
