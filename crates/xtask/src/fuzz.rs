//! libFuzzer on the targets of `crates/fuzz`.
//!
//! What it finds to be new is kept in the target directory for the next time; what makes a property fail is written to
//! `fuzz/artifacts` and belongs into the committed corpus, `fuzz/corpus`, once it is mended. `cargo fuzz cmin` there
//! leaves only what is worth keeping.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{command, say, tee};
use crate::test::Tally;
use crate::tools::CARGO_FUZZ;
use crate::workspace;

/// The longest input, in bytes: longer ones find what shorter ones do, later.
const MAX_BYTES: u32 = 4096;

/// A build of all that the targets need, with a sanitizer, is among what the first target takes.
const BUILD: Duration = Duration::from_secs(40 * 60);

/// Runs each target for so many seconds.
pub fn run(seconds: u32) -> Result<Tally> {
    let tool = CARGO_FUZZ.ensure()?;
    let mut tally = Tally::default();
    for program in workspace::files_in("fuzz/fuzz_targets", ".rs") {
        let target = program.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        let found = workspace::target().join("fuzz/corpus").join(&target);
        std::fs::create_dir_all(&found).with_context(|| format!("cannot create {}", found.display()))?;
        say(format_args!("fuzzing {target} for {seconds} s"));
        let mut fuzzer = command(&tool);
        // The sanitizer is a matter of the compiler's that is not stable.
        fuzzer
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["fuzz", "run", "--target-dir"])
            .arg(workspace::target().join("fuzz"));
        fuzzer.arg(&target).arg(found).arg(workspace::at("fuzz/corpus").join(&target));
        fuzzer.args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={MAX_BYTES}")]);
        fuzzer.args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]);
        let finished = tee(&mut fuzzer, BUILD + Duration::from_secs(seconds.into()))?;
        if finished.success() {
            tally.add(Tally::success());
        } else {
            tally.fail(format!("{target} has failed: fuzz/artifacts/{target} has the input"));
        }
    }
    Ok(tally)
}
