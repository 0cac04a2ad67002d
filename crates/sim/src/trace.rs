//! What happened, for people to read and for machines to compare.

use std::fmt::{self, Write};

use metered_core::Instant;

/// The record of a run. Every line goes into a hash, so that two runs can be compared without keeping either;
/// on demand the lines are printed as well.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    print: bool,
}

impl Trace {
    /// An empty record.
    pub fn new(print: bool) -> Self {
        // FNV-1a: short, and the same on every machine.
        Self { hash: 0xcbf2_9ce4_8422_2325, print }
    }

    /// Adds a line.
    pub fn line(&mut self, now: Instant, line: fmt::Arguments<'_>) {
        let Instant(ms) = now;
        // Writing into the hash cannot fail.
        let _ = writeln!(self, "{ms} {line}");
        if self.print {
            println!("{:>5}.{:03}  {line}", ms / 1000, ms % 1000);
        }
    }

    /// What two equal runs have in common.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether the lines are printed: what is only for people need not be put together otherwise.
    pub fn is_printed(&self) -> bool {
        self.print
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
