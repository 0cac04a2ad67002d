//! `cargo xtask bench server`: what the server costs, next to two others, with the load in a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::contestant::{self, Contestant, Kind};
use super::figures::Figures;
use super::write;
use crate::process::{self, command, say};
use crate::workspace;

/// So many files are open at most, in the server as in the load: a connection each, and what else a process has.
const OPEN_FILES: u64 = 12_000;

#[derive(clap::Args)]
pub struct Options {
    /// Measure these only (a, b, …)
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Measure>,

    /// How often each server is measured, in turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Another build of metered-server, to be measured as well
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// 128 publishers within their message rate
    A,
    /// 545 messages a second
    B,
    /// 10,000 connections that do nothing
    C,
    /// 500 connections that join one channel
    D,
    /// One publisher without a message rate
    E,
}

/// How a figure is measured and shown.
struct Shape {
    title: &'static str,
    /// For the load.
    arguments: &'static [&'static str],
    /// The names of figures, and what the table calls them.
    columns: &'static [(&'static str, &'static str)],
    /// Our server has its message rate switched off.
    unlimited: bool,
    /// The other servers can do it too.
    for_all: bool,
}

const FAN_OUT: &[(&str, &str)] = &[
    ("deliveriesPerCpuSecond", "deliveries per CPU second"),
    ("messagesPerSecond", "messages/s"),
    ("p50Ms", "p50 ms"),
    ("p99Ms", "p99 ms"),
];

impl Measure {
    fn shape(self) -> Shape {
        match self {
            Self::A => Shape {
                title: "(a) 128 publishers within 100 messages/s each, to 100 subscribers, 64 unacknowledged",
                arguments: &["fan-out", "--rate", "12200"],
                columns: FAN_OUT,
                unlimited: false,
                for_all: true,
            },
            Self::B => Shape {
                title: "(b) 545 messages/s of 128 publishers to 100 subscribers",
                arguments: &["fan-out", "--rate", "545"],
                columns: FAN_OUT,
                unlimited: false,
                for_all: true,
            },
            Self::C => Shape {
                title: "(c) 10,000 connections",
                arguments: &["idle"],
                columns: &[
                    ("bytesPerConnection", "bytes per connection"),
                    ("connectsPerCpuSecond", "connects per CPU second"),
                ],
                unlimited: false,
                for_all: true,
            },
            Self::D => Shape {
                title: "(d) 500 connections join one channel, until each knows all others",
                arguments: &["join"],
                columns: &[("completeMs", "ms"), ("cpuMs", "CPU ms")],
                unlimited: false,
                for_all: false,
            },
            Self::E => Shape {
                title: "(e) 1 publisher without a message rate, to 100 subscribers, 64 unacknowledged",
                arguments: &["fan-out", "--publishers", "1"],
                columns: FAN_OUT,
                unlimited: true,
                for_all: true,
            },
        }
    }
}

impl Shape {
    /// A round of our server, for a shell.
    fn typed(&self) -> String {
        let unlimited = if self.unlimited { " --unlimited" } else { "" };
        let load = "target/server/metered-load --address 127.0.0.1:9292 --pid $!";
        format!(
            "target/server/metered-server --dev{unlimited} & sleep 1; {load} {}; kill $!",
            self.arguments.join(" ")
        )
    }
}

impl Options {
    /// The command that makes the table of one measure.
    fn typed(&self, measure: &str) -> String {
        let mut typed = format!("cargo xtask bench server --only {measure} --rounds {}", self.rounds);
        if let Some(against) = &self.against {
            typed += &format!(" --against {}", against.display());
        }
        typed
    }
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let limit = rlimit::increase_nofile_limit(OPEN_FILES).context("cannot raise the limit of open files")?;
    if limit < OPEN_FILES {
        say(format_args!("only {limit} files may be open here (`ulimit -n`): (c) needs {OPEN_FILES}"));
    }
    let [ours, load] = contestant::build()?;
    let contestants = contestant::all(&ours, options.against.as_deref())?;
    let mut all = Map::new();
    for measure in Measure::value_variants() {
        if options.only.is_empty() || options.only.contains(measure) {
            let name = measure.to_possible_value().map(|value| value.get_name().to_owned());
            let (name, shape) = (name.unwrap_or_default(), measure.shape());
            let figures = compare(&shape, &contestants, &load, options.rounds)?;
            let commands = [options.typed(&name), shape.typed()];
            println!("\n{}\n{}\nAlone: {}", shape.title, commands[0], commands[1]);
            figures.print(shape.columns);
            let told = json!({ "title": shape.title, "commands": commands, "figures": figures.to_json() });
            all.insert(name, told);
        }
    }
    let file = workspace::target().join("bench/server.json");
    write(&file, &format!("{:#}\n", Value::Object(all)))?;
    say(format_args!("all figures are in {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Measures every server once a round, in turns, each time freshly started.
fn compare(shape: &Shape, contestants: &[Contestant], load: &PathBuf, rounds: usize) -> Result<Figures> {
    let fit = |contestant: &&Contestant| shape.for_all || matches!(contestant.kind, Kind::Metered(_));
    let mut contestants: Vec<_> = contestants.iter().filter(fit).collect();
    let mut figures = Figures::default();
    for contestant in &contestants {
        // Their order in the table.
        figures.add(contestant.name, &Value::Null);
    }
    say(shape.title);
    for _ in 0..rounds {
        for contestant in &contestants {
            let running = contestant.start(shape.unlimited)?;
            let mut load = command(load);
            load.args(["--address", &running.address, "--pid", &running.pid().to_string()])
                .args(["--dialect", contestant.dialect()])
                .args(shape.arguments);
            let line = process::read(&mut load).with_context(|| contestant.name)?;
            figures.add(contestant.name, &serde_json::from_str(&line).context("the load's figures")?);
        }
        contestants.rotate_left(1);
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_bears_commands_that_can_be_typed() {
        let options = Options { only: vec![], rounds: 3, against: Some("old/metered-server".into()) };
        let typed = options.typed("e");
        assert_eq!(typed, "cargo xtask bench server --only e --rounds 3 --against old/metered-server");
        assert_eq!(
            Measure::E.shape().typed(),
            "target/server/metered-server --dev --unlimited & sleep 1; target/server/metered-load --address \
             127.0.0.1:9292 --pid $! fan-out --publishers 1; kill $!"
        );
    }
}
