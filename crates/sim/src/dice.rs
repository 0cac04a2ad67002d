//! The one source of chance in a world.

use fastrand::Rng;

/// A seeded random number generator that speaks in odds and durations.
#[derive(Debug)]
pub struct Dice(Rng);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// True in so many cases of a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.0.u64(0..100) < chance
    }

    /// A number of the range, both ends included. An empty range is its lower end.
    pub fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        self.0.u64(low..=high.max(low))
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end)
    }

    /// One of several, which must not be none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A seed for somebody else's generator.
    pub fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Eight random hexadecimal digits, for ids whose order nobody can foresee.
    pub fn hex(&mut self) -> String {
        format!("{:08x}", self.0.u32(..))
    }
}
