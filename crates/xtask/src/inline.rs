//! The wasm file as a JavaScript string, so that the default entry can instantiate it while it loads.
//!
//! Base64 hides the bytes' boundaries from a compressor: brotli makes 29 % more of it than of the binary
//! itself (measured on 107 KB of wasm: 56.8 KB against 43.9 KB). Here every byte keeps a code of its own,
//! so that what repeats in the binary repeats in the text, and brotli's output grows by 2 % (44.9 KB):
//!
//! - the 90 most frequent byte values are one character each, their own ASCII character if they have one;
//! - the others are two: one of two escape characters, then one of the 90.
//!
//! Latin-1 code points in UTF-8 do no better (45.4 KB) and break where a bundled script is decoded as
//! anything but UTF-8. This text is printable ASCII, without the quote and the backslash (nothing needs
//! a JavaScript escape) and without `<` (no `</script>` can appear where a page inlines it). Its decoder
//! is `pkg/entry/unpack.js`.

/// The characters of the text: two escapes, then those that stand for a byte value alone.
fn alphabet() -> Vec<u8> {
    (b' '..=b'~').filter(|character| !br#""<\"#.contains(character)).collect()
}

const ESCAPES: usize = 2;

/// Bytes in the form that `pkg/entry/unpack.js` reads.
pub struct Inlined {
    text: String,
    /// The byte value of each character that stands alone, in the alphabet's order, as hex digits.
    singles: String,
    size: usize,
}

/// Writes `bytes` as text.
pub fn inline(bytes: &[u8]) -> Inlined {
    let alphabet = alphabet();
    let (escapes, singles) = alphabet.split_at(ESCAPES);
    let by_frequency = by_frequency(bytes);
    let (frequent, rare) = by_frequency.split_at(singles.len());
    let values = assign(frequent, singles);

    let mut codes = vec![String::new(); 256];
    for (&value, &character) in values.iter().zip(singles) {
        codes[usize::from(value)] = char::from(character).to_string();
    }
    let mut rare = rare.to_vec();
    rare.sort_unstable();
    for (index, value) in rare.into_iter().enumerate() {
        let escape = escapes[index / singles.len()];
        let character = singles[index % singles.len()];
        codes[usize::from(value)] = [char::from(escape), char::from(character)].iter().collect();
    }

    Inlined {
        text: bytes.iter().map(|&byte| codes[usize::from(byte)].as_str()).collect(),
        singles: values.iter().map(|value| format!("{value:02x}")).collect(),
        size: bytes.len(),
    }
}

impl Inlined {
    /// The JavaScript module that the entry imports.
    pub fn module(&self) -> String {
        let Self { text, singles, size } = self;
        format!(
            "export const text = \"{text}\";\nexport const singles = \"{singles}\";\nexport const size = {size};\n"
        )
    }
}

/// All byte values, the most frequent first; the smaller first among equals.
fn by_frequency(bytes: &[u8]) -> Vec<u8> {
    let mut counts = [0usize; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let mut values: Vec<u8> = (0..=u8::MAX).collect();
    values.sort_by_key(|&value| std::cmp::Reverse(counts[usize::from(value)]));
    values
}

/// The byte value of each single character. A value that is itself such a character keeps it, which
/// keeps words readable for the compressor's dictionary; the others take what is left.
fn assign(frequent: &[u8], singles: &[u8]) -> Vec<u8> {
    let mut homeless = frequent.iter().copied().filter(|value| !singles.contains(value));
    singles
        .iter()
        .map(|&single| if frequent.contains(&single) { single } else { homeless.next().unwrap_or_default() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, read};
    use crate::workspace;

    /// Decodes with the code that ships, and compares in Node.
    fn survives(name: &str, bytes: &[u8]) {
        let dir = workspace::target().join("xtask-tests").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("bytes"), bytes).unwrap();
        std::fs::write(dir.join("inlined.mjs"), inline(bytes).module()).unwrap();
        let script = format!(
            "import {{ readFileSync }} from 'node:fs';
             import * as inlined from {:?};
             import {{ unpack }} from {:?};
             const out = unpack(inlined.text, inlined.singles, inlined.size);
             console.log(Buffer.from(out).equals(readFileSync({:?})));",
            dir.join("inlined.mjs"),
            workspace::at("pkg/entry/unpack.js"),
            dir.join("bytes"),
        );
        let verdict = read(command("node").args(["--input-type=module", "--eval", &script])).unwrap();
        assert_eq!(verdict.trim(), "true", "{name}");
    }

    #[test]
    fn every_byte_value_survives_next_to_every_other() {
        let pairs: Vec<u8> = (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).flat_map(move |b| [a, b])).collect();
        survives("pairs", &pairs);
    }

    #[test]
    fn a_skewed_distribution_survives() {
        let skewed: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(i) >> (i % 23)) as u8).collect();
        survives("skewed", &skewed);
    }

    #[test]
    fn nothing_and_one_value_survive() {
        survives("empty", &[]);
        survives("quotes", &[b'"'; 9]);
    }

    #[test]
    fn the_text_is_printable_ascii_that_needs_no_escape() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let text = inline(&all).text;
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert!(!text.contains(['"', '\\', '<']));
        assert_eq!(text.len(), 90 + 2 * 166);
    }
}
