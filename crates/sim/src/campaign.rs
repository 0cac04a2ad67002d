//! Many worlds, on all cores of the machine.
//!
//! A world that goes round is found by counting: the events of a moment, and what the core has to say to one input. What
//! goes round inside the core leaves nothing to count, so it is found by the time that it takes.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::plan::Settings;
use crate::scenario::{Failure, Report, run};

/// The worlds of a seed take seconds at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Tally {
    /// Worlds that ended well.
    pub passed: u64,
    /// Seeds that failed, and why, in the order of the seeds.
    pub failed: Vec<(u64, Failure)>,
    /// The sum of those that ended well.
    pub sum: Report,
    /// The longest way from quiet to converged in milliseconds, and its seed.
    pub slowest: (u64, u64),
    /// How long it took.
    pub wall: Duration,
}

/// When a campaign ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the last seed.
    LastSeed,
    /// With the first seed that fails. No seed before it is left out.
    FirstFailure,
}

/// Runs a range of seeds on so many threads, in rising order. Ends the process if at last seeds are left that do not end.
pub fn campaign(seeds: std::ops::Range<u64>, settings: Settings, jobs: usize, end: End) -> Tally {
    #[allow(clippy::disallowed_types, reason = "the campaign's own time, not a world's")]
    let begin = std::time::Instant::now();
    let next = AtomicU64::new(seeds.start);
    let (results, inbox) = mpsc::channel();
    let under_way = Mutex::new(BTreeSet::new());
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (next, last, results, under_way) = (&next, seeds.end, results.clone(), &under_way);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    locked(under_way).insert(seed);
                    let result = run(seed, settings);
                    locked(under_way).remove(&seed);
                    if result.is_err() && end == End::FirstFailure {
                        next.fetch_max(last, Ordering::Relaxed);
                    }
                    if results.send((seed, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        loop {
            match inbox.recv_timeout(PATIENCE) {
                Ok((seed, result)) => tally.count(seed, result),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => give_up(&locked(&under_way)),
            }
        }
    });
    tally.failed.sort_by_key(|(seed, _)| *seed);
    tally.wall = begin.elapsed();
    tally
}

/// Names the seeds that do not end: on stderr itself, since a test keeps what it prints to itself until it ends. Their
/// threads cannot be stopped.
fn give_up(seeds: &BTreeSet<u64>) -> ! {
    let mut stderr = std::io::stderr();
    for seed in seeds {
        let seconds = PATIENCE.as_secs();
        let _ = writeln!(
            stderr,
            "seed {seed} failed: it has not ended for {seconds} s; the last line of its replay"
        );
        let _ = writeln!(stderr, "    says after what: cargo xtask sim --seed {seed}");
    }
    std::process::exit(1);
}

fn locked(seeds: &Mutex<BTreeSet<u64>>) -> MutexGuard<'_, BTreeSet<u64>> {
    seeds.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn count(&mut self, seed: u64, result: Result<Report, Failure>) {
        match result {
            Ok(report) => {
                self.passed += 1;
                self.slowest = self.slowest.max((report.converged_after, seed));
                self.sum.add(report);
            }
            Err(failure) => self.failed.push((seed, failure)),
        }
    }
}
