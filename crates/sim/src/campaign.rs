//! Many worlds, on all cores of the machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::plan::Settings;
use crate::scenario::{Failure, Report, run};

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

/// Runs a range of seeds on so many threads, in rising order.
pub fn campaign(seeds: std::ops::Range<u64>, settings: Settings, jobs: usize, end: End) -> Tally {
    #[allow(clippy::disallowed_types, reason = "the campaign's own time, not a world's")]
    let begin = std::time::Instant::now();
    let next = AtomicU64::new(seeds.start);
    let (results, inbox) = mpsc::channel();
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (next, last, results) = (&next, seeds.end, results.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    let result = run(seed, settings);
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
        for (seed, result) in inbox {
            tally.count(seed, result);
        }
    });
    tally.failed.sort_by_key(|(seed, _)| *seed);
    tally.wall = begin.elapsed();
    tally
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
