//! What the kernel knows of the server's process.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context, Result};

/// The length of a clock tick in `/proc`, which is the same on every Linux that anybody uses.
const TICK: Duration = Duration::from_millis(10);

/// A process, by its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The CPU time that all threads of the process have used, in user mode and in the kernel, to 10 ms.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let stat = read_to_string(format!("/proc/{}/stat", self.0)).context("the server is gone")?;
        // The name before may hold anything, even a parenthesis. The 14th and 15th fields are the times.
        let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let ticks: u32 = rest
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u32>())
            .sum::<Result<_, _>>()
            .context("/proc/PID/stat")?;
        Ok(TICK * ticks)
    }

    /// The memory that the process has in RAM, in bytes.
    pub(crate) fn resident_bytes(self) -> Result<u64> {
        let status = read_to_string(format!("/proc/{}/status", self.0)).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>().context("VmRSS")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let this = Process(std::process::id());
        let before = this.cpu().unwrap();
        let mut sum = 0u64;
        while this.cpu().unwrap() < before + 3 * TICK {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(1));
        }
        assert!(this.resident_bytes().unwrap() > 100_000);
    }
}
