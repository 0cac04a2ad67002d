//! Names that have been checked once and need no second check.

use std::fmt;
use std::sync::Arc;

use crate::json::utf16_length;
use crate::limits::{
    MAX_CHANNEL_LENGTH, MAX_PEER_ID_LENGTH, MAX_REQUEST_ID_LENGTH, RESERVED_CHANNEL_PREFIXES,
};

/// Why a channel name, peer id or request id was refused. Completes the sentence "`channel` …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidName {
    /// The name has no characters.
    Empty,
    /// The name is longer than its kind may be: 256 UTF-16 code units for a channel, 128 for the others.
    TooLong,
    /// The name has a character of U+0000–001F or U+007F–009F.
    ControlCharacter,
    /// A peer id has a character that is not printable ASCII.
    NotPrintableAscii,
}

impl InvalidName {
    /// The rule that the name breaks.
    pub const fn must(self) -> &'static str {
        match self {
            InvalidName::Empty => "must not be empty",
            InvalidName::TooLong => "is too long",
            InvalidName::ControlCharacter => "must not contain control characters",
            InvalidName::NotPrintableAscii => "must be printable ASCII",
        }
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.must())
    }
}

impl std::error::Error for InvalidName {}

fn check(name: &str, max: usize) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if utf16_length(name) > max {
        return Err(InvalidName::TooLong);
    }
    // U+0080 to U+009F are two bytes, of which this is the first and the other one says the number.
    let (mut before, mut is_controlled) = (0, false);
    for byte in name.bytes() {
        is_controlled |= byte.is_ascii_control() || (before == 0xc2 && byte < 0xa0);
        before = byte;
    }
    if is_controlled { Err(InvalidName::ControlCharacter) } else { Ok(()) }
}

/// Whether a text starts so, without regard to ASCII case.
pub(crate) fn starts_with_any_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A channel's name: 1–256 UTF-16 code units without control characters. Cheap to clone.
    Channel(Arc<str>)
}

name_type! {
    /// A peer's id: 1–128 printable ASCII characters. Ordered as JavaScript orders strings, which decides who is
    /// polite. Cheap to clone.
    PeerId(Arc<str>)
}

name_type! {
    /// The id that pairs a request with its `ack` or `error`: 1–128 UTF-16 code units without control
    /// characters. Cheap to clone.
    RequestId(Arc<str>)
}

impl Channel {
    /// Checks a channel name.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        check(name, MAX_CHANNEL_LENGTH)?;
        Ok(Self(name.into()))
    }

    /// Whether the name begins with a prefix that the service keeps for itself.
    pub fn is_reserved(&self) -> bool {
        RESERVED_CHANNEL_PREFIXES.iter().any(|prefix| starts_with_any_case(&self.0, prefix))
    }
}

impl PeerId {
    /// Checks a peer id.
    pub fn parse(id: &str) -> Result<Self, InvalidName> {
        Self::check(id)?;
        Ok(Self(id.into()))
    }

    /// Checks a peer id that nobody keeps.
    pub(crate) fn check(id: &str) -> Result<(), InvalidName> {
        // One look where there is nothing to complain of: a full room is 256 of them.
        let is_printable = id.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !is_printable || id.is_empty() || id.len() > MAX_PEER_ID_LENGTH {
            check(id, MAX_PEER_ID_LENGTH)?;
            return Err(InvalidName::NotPrintableAscii);
        }
        Ok(())
    }
}

impl RequestId {
    /// The id of the n-th request, for clients that count theirs.
    pub fn numbered(n: u64) -> Self {
        let mut text = String::new();
        crate::write_number(&mut text, n);
        Self(text.into())
    }

    /// Checks a request id.
    pub fn parse(id: &str) -> Result<Self, InvalidName> {
        check(id, MAX_REQUEST_ID_LENGTH)?;
        Ok(Self(id.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_for_the_reason_that_applies() {
        assert_eq!(Channel::parse(""), Err(InvalidName::Empty));
        assert_eq!(Channel::parse(&"é".repeat(257)), Err(InvalidName::TooLong));
        assert_eq!(Channel::parse("a\u{85}b"), Err(InvalidName::ControlCharacter));
        assert_eq!(PeerId::parse("é"), Err(InvalidName::NotPrintableAscii));
        assert_eq!(PeerId::parse(&"p".repeat(129)), Err(InvalidName::TooLong));
        for control in ["\0", "\u{1f}", "\u{7f}", "\u{80}", "é\u{9f}"] {
            assert_eq!(RequestId::parse(control), Err(InvalidName::ControlCharacter), "{control:?}");
        }
        for other in [" ", "~", "\u{a0}", "\u{c0}", "\u{20ac}", "\u{10080}"] {
            assert!(RequestId::parse(other).is_ok(), "{other:?}");
        }
    }

    #[test]
    fn length_counts_utf16_code_units() {
        assert!(Channel::parse(&"é".repeat(256)).is_ok());
        assert!(Channel::parse(&"\u{1f600}".repeat(128)).is_ok());
        assert_eq!(Channel::parse(&"\u{1f600}".repeat(129)), Err(InvalidName::TooLong));
    }

    #[test]
    fn reserved_prefixes_ignore_case_and_respect_character_boundaries() {
        assert!(Channel::parse("_METERED/x").unwrap().is_reserved());
        assert!(Channel::parse("_system/").unwrap().is_reserved());
        assert!(!Channel::parse("_systém/").unwrap().is_reserved());
        assert!(!Channel::parse("room/_system/").unwrap().is_reserved());
    }
}
