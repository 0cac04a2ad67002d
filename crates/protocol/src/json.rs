//! Writing JSON text.
//!
//! The frames we build are flat and their payloads are JSON already, so all that is needed is a string
//! escape. A JSON library would add a third to the size of the wasm file for it.

/// Something that knows itself as JSON text.
pub trait ToJson {
    /// Appends the JSON text.
    fn write_json(&self, out: &mut String);
}

/// Appends `text` as a JSON string, quotes included (RFC 8259, section 7).
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text, "\\u00", &|byte| match byte {
        b'"' => Some("\\\""),
        b'\\' => Some("\\\\"),
        b'\n' => Some("\\n"),
        b'\r' => Some("\\r"),
        b'\t' => Some("\\t"),
        0..0x20 => Some(""),
        _ => None,
    });
    out.push('"');
}

/// Appends `text` with another text in the place of some bytes: all or none of those that make a character. In the place of
/// an empty one stand `by_number` and the byte in two hexadecimal digits.
pub(crate) fn write_escaped(
    out: &mut String,
    text: &str,
    by_number: &str,
    escape: &dyn Fn(u8) -> Option<&'static str>,
) {
    const HEX: &str = "0123456789ABCDEF";
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let Some(escape) = escape(byte) else { continue };
        out.push_str(text.get(start..at).unwrap_or_default());
        out.push_str(escape);
        if escape.is_empty() {
            out.push_str(by_number);
            for digit in [usize::from(byte >> 4), usize::from(byte & 15)] {
                out.push_str(HEX.get(digit..=digit).unwrap_or_default());
            }
        }
        start = at + 1;
    }
    out.push_str(text.get(start..).unwrap_or_default());
}

/// The length of a text as JavaScript counts it, in UTF-16 code units.
pub(crate) fn utf16_length(text: &str) -> usize {
    // Each character begins with one byte that is no continuation; those of four bytes take two units.
    text.bytes().map(|byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0)).sum()
}

/// Appends a whole number. `core::fmt` would do, and bring ten times the code.
pub fn write_number(out: &mut String, n: u64) {
    if n >= 10 {
        write_number(out, n / 10);
    }
    out.push((b'0' + (n % 10) as u8) as char);
}

/// Reads a whole number, up to what a float counts exactly; `None` if there is anything but digits.
pub fn read_number(text: &str) -> Option<u64> {
    let append = |n: f64, digit: u8| digit.is_ascii_digit().then(|| n * 10.0 + f64::from(digit - b'0'));
    text.bytes().try_fold(0.0, append).map(|n| n as u64)
}

/// Appends `,"name":` or, as the first field of an object, `"name":`.
pub(crate) fn write_name(out: &mut String, field: crate::Field) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(field.name());
    out.push_str("\":");
}

/// Appends a field whose value is a string.
pub(crate) fn write_string_field(out: &mut String, field: crate::Field, text: &str) {
    write_name(out, field);
    write_string(out, text);
}

#[cfg(any(feature = "serde", test))]
impl ToJson for serde_json::Value {
    fn write_json(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for n in [0, 7, 10, 65_536, u64::MAX] {
            let mut out = String::new();
            write_number(&mut out, n);
            assert_eq!(out, n.to_string());
        }
    }

    #[test]
    fn numbers_are_read_and_nothing_else_is() {
        for (text, number) in [("0", 0), ("7", 7), ("65536", 65_536), ("9007199254740991", (1 << 53) - 1)] {
            assert_eq!(read_number(text), Some(number));
        }
        assert_eq!(read_number(&"9".repeat(128)), Some(u64::MAX));
        for text in ["x", "-1", "+1", "1.0", " 1", "1e3"] {
            assert_eq!(read_number(text), None, "{text}");
        }
    }

    #[test]
    fn every_string_survives_a_json_parser() {
        let mut all: String = (0..0x300).filter_map(char::from_u32).collect();
        all.push_str("\u{2028}\u{2029}\u{feff}\u{1f600}");
        let mut out = String::new();
        write_string(&mut out, &all);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), all);
    }
}
