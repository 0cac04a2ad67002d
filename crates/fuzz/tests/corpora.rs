//! What the fuzzers have found, replayed, and varied at random.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::Unstructured;
use metered_fuzz::{TARGETS, Target, words};

/// How many variations of each target are tried.
const CASES: usize = 4_000;

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = fuzz_directory().join("corpus").join(name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Tells what was tried if it panics.
struct Tried<'a>(&'a dyn Display);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

#[test]
fn every_property_holds_for_all_that_fuzzers_have_found() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "{name} has too few inputs to stand for anything");
        for (path, input) in inputs {
            let _tried = Tried(&path.display());
            target(&input);
        }
    }
}

#[test]
fn every_target_is_a_program_of_the_fuzzer() {
    let manifest = fs::read_to_string(fuzz_directory().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is missing in fuzz/Cargo.toml");
        let program = fs::read_to_string(fuzz_directory().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("::{name}(data)")), "{name}.rs runs another target");
    }
}

/// An input that nobody has tried: one of the corpus with changes, or anything.
fn variation(
    u: &mut Unstructured<'_>,
    inputs: &[(PathBuf, Vec<u8>)],
    words: &[String],
) -> arbitrary::Result<Vec<u8>> {
    if u.ratio(1, 4)? {
        return u.arbitrary();
    }
    let mut input = u.choose(inputs)?.1.clone();
    for _ in 0..u.int_in_range(1..=6)? {
        let at = u.int_in_range(0..=input.len())?;
        let end = u.int_in_range(at..=input.len().min(at + 12))?;
        let other = &u.choose(inputs)?.1;
        let replacement = match u.int_in_range(0..=3)? {
            0 => u.choose(words)?.clone().into_bytes(),
            1 => u.arbitrary::<[u8; 2]>()?.to_vec(),
            2 => Vec::new(),
            _ => {
                let from = u.int_in_range(0..=other.len())?;
                other[from..other.len().min(from + 200)].to_vec()
            }
        };
        input.splice(at..end, replacement);
    }
    Ok(input)
}

fn hold(&(name, target): &Target) {
    let (inputs, words) = (corpus(name), words());
    // The same in every run: a failure can be looked at.
    let mut random = fastrand::Rng::with_seed(1);
    for case in 0..CASES {
        let mut bytes = vec![0; random.usize(..8_000)];
        random.fill(&mut bytes);
        let Ok(input) = variation(&mut Unstructured::new(&bytes), &inputs, &words) else { continue };
        let _tried = Tried(&format_args!("case {case}: {}", input.escape_ascii()));
        target(&input);
    }
}

/// One test for each target, so that they run side by side and tell which of them failed.
macro_rules! hold {
    ($($name:ident)*) => {
        mod the_properties_hold_for_any_input_of {
            use super::*;

            $(#[test]
            fn $name() {
                hold(TARGETS.iter().find(|(name, _)| *name == stringify!($name)).unwrap());
            })*

            #[test]
            fn all_targets() {
                assert_eq!([$(stringify!($name)),*].as_slice(), TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            }
        }
    };
}

hold! {
    client_frame server_frame signal ice_servers data_track_control data_track_packet
    server_url token resume_token config
    core data_tracks hub
}
