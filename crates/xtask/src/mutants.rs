//! Deliberate bugs, to see that the simulator would notice: `crates/sim/mutants.toml` lists them.
//!
//! Each is put into a copy of the sources, alone, and worlds run until one fails. A bug that no world shows is a hole in
//! what the simulator watches, and fails the run; so does one that can no longer be put into the sources, and one that
//! ends the simulator before it has named a seed.
//!
//! There is one copy and one target directory, so that a build does again only what the bug touches. Builds come one
//! after the other; the worlds of several bugs run at a time, each from its own copy of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::{cargo, command, listen, say};
use crate::test::Tally;
use crate::workspace;

/// What of the sources the simulator is built from, or cargo wants to see.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "clippy.toml", "crates", "src"];

/// The longest that a build may take, and the worlds of a bug.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// How the bugs are tried.
#[derive(clap::Args, Clone, Copy)]
#[group(skip)]
pub struct Options {
    /// `mutants`: how many seeds each bug has to show itself in
    #[arg(long, default_value_t = 2_000, value_name = "SEEDS", value_parser = clap::value_parser!(u32).range(1..))]
    mutant_seeds: u32,
}

#[derive(Deserialize)]
struct List {
    mutants: Vec<Mutant>,
}

/// A bug.
#[derive(Deserialize)]
struct Mutant {
    /// In a sentence.
    bug: String,
    /// Where it is put.
    file: String,
    /// What is there, once in the file.
    replace: String,
    /// What takes its place.
    with: String,
}

impl Mutant {
    /// The text with the bug in it.
    fn applied(&self, text: &str) -> Result<String> {
        match text.matches(&self.replace).count() {
            1 => Ok(text.replacen(&self.replace, &self.with, 1)),
            count => bail!("{count} times in {}, and not once: {}", self.file, self.replace),
        }
    }
}

/// What became of a bug.
struct Outcome {
    bug: String,
    /// How it was caught, or why it was not.
    end: std::result::Result<String, String>,
    build: Duration,
    worlds: Duration,
}

/// Tries all bugs, so many at a time. Ends with a table.
pub fn run(options: Options, jobs: usize) -> Result<Tally> {
    let mutants = list()?;
    let workshop = Workshop::new();
    let (next, outcomes) = (Mutex::new(mutants.iter().enumerate()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for job in 0..jobs.max(1) {
            let (next, outcomes, workshop) = (&next, &outcomes, &workshop);
            scope.spawn(move || {
                // In a statement of its own, the lock ends before the work begins.
                let take = || locked(next).next();
                while let Some((place, mutant)) = take() {
                    let outcome = workshop.attempt(mutant, job, options.mutant_seeds);
                    let end = outcome.end.as_ref().unwrap_or_else(|problem| problem);
                    say(format_args!("{} {end}", mutant.bug));
                    locked(outcomes).push((place, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(summarise(outcomes.into_iter().map(|(_, outcome)| outcome)))
}

/// A lock that a panic elsewhere does not spoil: what it guards is whole between two statements.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn summarise(outcomes: impl Iterator<Item = Outcome>) -> Tally {
    let mut tally = Tally::default();
    println!("\n{:10}{:>7}{:>8}  bug", "", "build", "worlds");
    for Outcome { bug, end, build, worlds } in outcomes {
        let mark = if end.is_ok() { "caught" } else { "NOT CAUGHT" };
        println!("{mark:10}{:>5} s{:>6} s  {bug}", build.as_secs(), worlds.as_secs());
        let (Ok(how) | Err(how)) = &end;
        println!("{:27}{how}", "");
        tally.add(match end {
            Ok(_) => Tally::success(),
            Err(problem) => Tally::failure(format!("{bug} {problem}")),
        });
    }
    println!("\n{} caught, {} not caught", tally.passed, tally.failed);
    tally
}

fn list() -> Result<Vec<Mutant>> {
    let path = workspace::at("crates/sim/mutants.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: List = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(list.mutants)
}

/// Where simulators with bugs are built.
struct Workshop {
    place: PathBuf,
    /// Held by whoever changes the copy of the sources and builds from it.
    copy: Mutex<PathBuf>,
}

impl Workshop {
    fn new() -> Self {
        let place = workspace::target().join("mutants");
        Self { copy: Mutex::new(place.join("sources")), place }
    }

    fn attempt(&self, mutant: &Mutant, job: usize, seeds: u32) -> Outcome {
        let program = self.place.join(format!("metered-sim-{job}{}", std::env::consts::EXE_SUFFIX));
        let (mut build, mut worlds) = (Duration::ZERO, Duration::ZERO);
        let mut attempt = || {
            build = self.build(mutant, &program)?;
            let start = Instant::now();
            let end = explore(&program, seeds);
            worlds = start.elapsed();
            end
        };
        let end = attempt().unwrap_or_else(|error| Err(format!("{error:#}")));
        Outcome { bug: mutant.bug.clone(), end, build, worlds }
    }

    /// Builds a simulator with the bug. Answers how long that took, once it was its turn.
    fn build(&self, mutant: &Mutant, program: &Path) -> Result<Duration> {
        let copy = locked(&self.copy);
        let start = Instant::now();
        bring_up_to_date(&copy)?;
        let file = copy.join(&mutant.file);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        fs::write(&file, mutant.applied(&text)?)?;
        let target = self.place.join("build");
        let mut cargo = cargo(&["build", "--quiet", "--package", "metered-sim"]);
        cargo.current_dir(&*copy).env("CARGO_TARGET_DIR", &target);
        let built = listen(&mut cargo, LIMIT)?;
        if !built.success() {
            bail!("cannot be built: {}", built.text.trim());
        }
        let name = format!("debug/metered-sim{}", std::env::consts::EXE_SUFFIX);
        fs::copy(target.join(name), program).context("cannot copy the simulator")?;
        Ok(start.elapsed())
    }
}

/// Runs worlds until one fails. Answers how the bug was caught, or that it was not.
fn explore(program: &Path, seeds: u32) -> Result<std::result::Result<String, String>> {
    let mut worlds = command(program);
    worlds.args(["--fail-fast", "--jobs", "1", "--seeds", &seeds.to_string()]);
    let worlds = listen(&mut worlds, LIMIT)?;
    let failure = worlds.text.lines().find(|line| line.starts_with("seed ") && line.contains(" failed: "));
    Ok(match failure {
        Some(failure) => Ok(failure.chars().take(200).collect()),
        None if worlds.out_of_time => Err("has worlds that did not end in time".to_owned()),
        None if worlds.success() => Err(format!("is shown by none of {seeds} seeds")),
        None => {
            Err(format!("ended the simulator without a seed ({}): {}", worlds.status, worlds.text.trim()))
        }
    })
}

/// Makes the copy what the sources are. Files that are the same are left alone, and so need not be built again.
fn bring_up_to_date(copy: &Path) -> Result<()> {
    let files = SOURCES.iter().flat_map(|source| workspace::files_below(&workspace::at(source)));
    for file in files {
        let to: PathBuf = copy.join(file.strip_prefix(workspace::root())?);
        let bytes = fs::read(&file)?;
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_its_place_in_the_sources() {
        let mutants = list().unwrap();
        assert!(mutants.len() >= 10);
        let misplaced: Vec<String> = mutants
            .iter()
            .filter_map(|mutant| {
                let text = fs::read_to_string(workspace::at(&mutant.file)).unwrap();
                match mutant.applied(&text) {
                    Ok(applied) if applied == text => Some(format!("{} (it changes nothing)", mutant.bug)),
                    Ok(_) => None,
                    Err(error) => Some(format!("{} ({error})", mutant.bug)),
                }
            })
            .collect();
        assert!(misplaced.is_empty(), "{misplaced:#?}");
    }

    #[test]
    fn a_place_that_is_not_there_or_not_the_only_one_is_told() {
        let mutant = |replace: &str| Mutant {
            bug: "A bug.".to_owned(),
            file: "a.rs".to_owned(),
            replace: replace.to_owned(),
            with: "x".to_owned(),
        };
        assert_eq!(mutant("b").applied("a b c").unwrap(), "a x c");
        assert_eq!(mutant("d").applied("a b c").unwrap_err().to_string(), "0 times in a.rs, and not once: d");
        assert_eq!(mutant("a").applied("a a").unwrap_err().to_string(), "2 times in a.rs, and not once: a");
    }
}
