//! Time as the core sees it: a number that the driver hands in.

/// A moment, in milliseconds since an origin that the driver chose. Never goes backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment that does not come. A deadline that is not set is due then.
    pub const NEVER: Self = Self(u64::MAX);

    /// Whether a deadline has come.
    #[must_use]
    pub fn is_due(self, now: Self) -> bool {
        self <= now && self != Self::NEVER
    }

    /// The moment `ms` milliseconds later; the end of time when that is later still.
    #[must_use]
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`; 0 if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
