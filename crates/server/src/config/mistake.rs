//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the file, by its bytes.
    File(Range<usize>),
    /// In the environment, by the variable's name.
    Variable(String),
}

/// One mistake: its place, the key, and what was expected there.
///
/// It shows itself as `12:8: limits.message_bytes: …`, and never tells a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line in the file, from 1, or `None` for what the environment says.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// The environment variable, if it is one that is wrong.
    pub variable: Option<String>,
    /// The key with the sections it is in, `apps[0].id`; empty where there is none.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Mistake {
    pub(super) fn new(text: &str, place: &Place, path: &str, message: impl Into<String>) -> Self {
        let (path, message) = (path.to_owned(), message.into());
        match place {
            Place::File(span) => {
                let (line, column) = position(text, span.start);
                Self { line: Some(line), column: Some(column), variable: None, path, message }
            }
            Place::Variable(name) => {
                Self { line: None, column: None, variable: Some(name.clone()), path, message }
            }
        }
    }
}

/// The line and the column of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).map_or(0, |line| line.chars().count()) + 1)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.variable, self.line, self.column) {
            (Some(name), ..) => write!(f, "{name}: ")?,
            (None, Some(line), Some(column)) => write!(f, "{line}:{column}: ")?,
            _ => {}
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}
