//! Deliberate bugs, to see that the simulator would notice: `crates/sim/mutants.toml` lists them.
//!
//! Each is put into a copy of the sources, alone, and worlds run until one fails. A bug that no world shows is a hole in
//! what the simulator watches, and fails the run; so does one that can no longer be put into the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::{Finished, cargo, listen, say};
use crate::test::Tally;
use crate::workspace;

/// What of the sources the simulator is built from, or cargo wants to see.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "clippy.toml", "crates", "src"];

/// The worlds that run, in so many steps: most bugs show in the first.
const SEEDS: [(u32, u32); 3] = [(1, 100), (101, 500), (601, 2_000)];

/// The longest that one step may take, and a build. A bug that makes worlds hang is noticed too.
const LIMIT: Duration = Duration::from_secs(600);

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

/// Tries all bugs.
pub fn run() -> Result<Tally> {
    let copy = workspace::target().join("mutants/sources");
    let mut tally = Tally::default();
    for mutant in list()? {
        say(format_args!("mutant: {}", mutant.bug));
        let end = attempt(&mutant, &copy).unwrap_or_else(|error| Err(format!("{error:#}")));
        match &end {
            Ok(caught) => println!("caught     {}\n           {caught}", mutant.bug),
            Err(problem) => println!("NOT CAUGHT {}\n           {problem}", mutant.bug),
        }
        tally.add(match end {
            Ok(_) => Tally::success(),
            Err(problem) => Tally::failure(format!("{}: {problem}", mutant.bug)),
        });
    }
    println!("{} caught, {} not caught", tally.passed, tally.failed);
    Ok(tally)
}

fn list() -> Result<Vec<Mutant>> {
    let path = workspace::at("crates/sim/mutants.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: List = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(list.mutants)
}

/// Answers how the bug was caught, or that it was not.
fn attempt(mutant: &Mutant, copy: &Path) -> Result<std::result::Result<String, String>> {
    bring_up_to_date(copy)?;
    let file = copy.join(&mutant.file);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::write(&file, mutant.applied(&text)?)?;

    let target = workspace::target().join("mutants/build");
    let in_copy = |arguments: &[&str]| -> Result<Finished> {
        let mut simulator = cargo(arguments);
        simulator.current_dir(copy).env("CARGO_TARGET_DIR", &target);
        listen(&mut simulator, LIMIT)
    };
    let built = in_copy(&["build", "--quiet", "--package", "metered-sim"])?;
    if !built.success() {
        bail!("it cannot be built: {}", built.text.trim());
    }
    for (start, seeds) in SEEDS {
        let (start, seeds) = (start.to_string(), seeds.to_string());
        let worlds =
            ["run", "--quiet", "--package", "metered-sim", "--", "--start", &start, "--seeds", &seeds];
        let worlds = in_copy(&worlds)?;
        if worlds.out_of_time {
            return Ok(Ok("worlds do not end".to_owned()));
        }
        if !worlds.success() {
            let failure = worlds.text.lines().find(|line| line.starts_with("seed "));
            return Ok(Ok(failure.unwrap_or("the simulator itself failed").chars().take(160).collect()));
        }
    }
    Ok(Err("no world shows it".to_owned()))
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
        for mutant in mutants {
            let text = fs::read_to_string(workspace::at(&mutant.file)).unwrap();
            assert_ne!(mutant.applied(&text).unwrap(), text, "{}", mutant.bug);
        }
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
