//! `bench/budget.json`: what the package weighed when that was last agreed to, and what it may therefore weigh.
//!
//! There is a figure for each standard library that the wasm can have inside. A package that is more than 1 % heavier
//! than its figure fails; one that is lighter by as much has a figure that should be lowered, so that the gain is kept.
//! `tests/node/memory.test.mjs` reads the figures of memory.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::standard_library::Std;
use crate::workspace;

const FILE: &str = "bench/budget.json";

/// How far from its figure a weight may be, as the part of it that this divides.
const TOLERANCE: u64 = 100;

/// What a weight is to its figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// More than 1 % above.
    Over(u64),
    Within(u64),
    /// More than 1 % below: the figure can be lowered.
    Loose(u64),
}

impl Verdict {
    fn of(weight: u64, figure: u64) -> Self {
        let tolerance = figure / TOLERANCE;
        if weight > figure + tolerance {
            Self::Over(figure)
        } else if weight + tolerance < figure {
            Self::Loose(figure)
        } else {
            Self::Within(figure)
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Over(_))
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Over(figure) => write!(f, "OVER its budget of {figure} bytes of brotli and 1 %"),
            Self::Within(figure) => write!(f, "within its budget of {figure} bytes of brotli and 1 %"),
            Self::Loose(figure) => {
                write!(f, "far below its budget of {figure} bytes of brotli: lower it by `--update`")
            }
        }
    }
}

/// Judges the default entry's weight under brotli.
pub fn judge(std: Std, weight: u64) -> Result<Verdict> {
    let file = read()?;
    let figure = file["brotli"][std.name()].as_u64();
    let figure = figure.with_context(|| format!("{FILE} has no figure for `brotli.{}`", std.name()))?;
    Ok(Verdict::of(weight, figure))
}

/// Makes a weight the figure.
pub fn update(std: Std, weight: u64) -> Result<()> {
    let mut file = read()?;
    file["brotli"][std.name()] = json!(weight);
    let text = serde_json::to_string_pretty(&file).context("cannot write the budget as JSON")?;
    std::fs::write(workspace::at(FILE), text + "\n").with_context(|| format!("cannot write {FILE}"))
}

fn read() -> Result<Value> {
    let text = std::fs::read_to_string(workspace::at(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    serde_json::from_str(&text).with_context(|| format!("{FILE} is not JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_may_differ_by_one_per_cent() {
        assert_eq!(Verdict::of(50_500, 50_000), Verdict::Within(50_000));
        assert_eq!(Verdict::of(50_501, 50_000), Verdict::Over(50_000));
        assert_eq!(Verdict::of(49_500, 50_000), Verdict::Within(50_000));
        assert_eq!(Verdict::of(49_499, 50_000), Verdict::Loose(50_000));
    }

    #[test]
    fn there_is_a_figure_for_each_standard_library() {
        for std in [Std::Rebuilt, Std::Prebuilt] {
            assert!(judge(std, u64::MAX / 2).unwrap().is_over());
            assert!(!judge(std, 0).unwrap().is_over());
        }
    }
}
