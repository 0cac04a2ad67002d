//! The wasm file as a JavaScript string, so that the default entry can instantiate it while it loads.
//!
//! The bytes are first sorted by what they mean ([`crate::streams`]). Base64 would then hide their
//! boundaries from a compressor: brotli made 29 % more of it than of the same wasm in binary. Here every byte
//! keeps a code of its own, so that what repeats in the bytes repeats in the text, and brotli's output grows
//! by 3 %:
//!
//! - the 90 most frequent byte values are one character each, in the order of their values;
//! - the others are two: one of two escape characters, then one of the 90.
//!
//! Which are the most frequent is another matter in texts and opcodes, in indices, and in other numbers, so each of these
//! parts has a code of its own (1 % of the package). In the first, a value is its own ASCII character if it has one, so that
//! words stay words.
//!
//! Latin-1 code points in UTF-8 do no better and break where a bundled script is decoded as
//! anything but UTF-8. This text is printable ASCII, without the quote and the backslash (nothing needs
//! a JavaScript escape) and without `<` (no `</script>` can appear where a page inlines it). Its decoder
//! is `pkg/entry/unpack.js`.

use std::path::Path;

use anyhow::{Context, Result};

use crate::process::{self, command};
use crate::streams::{self, LOCALS, OPCODES, Separated};
use crate::workspace;

/// The characters of the text: two escapes, then those that stand for a byte value alone.
fn alphabet() -> Vec<u8> {
    (b' '..=b'~').filter(|character| !br#""<\"#.contains(character)).collect()
}

const ESCAPES: usize = 2;

/// Bytes as text.
struct Encoded {
    text: String,
    /// Which byte values stand alone: a bit for each of four values in a hex digit, from the lowest on.
    singles: String,
}

/// The JavaScript module with a wasm file in the form that `pkg/entry/unpack.js` reads.
pub fn inline(wasm: &[u8]) -> Result<String> {
    let Separated { streams, head, functions } = streams::separate(wasm)?;
    let parts = [(0..=OPCODES, true), (OPCODES + 1..=LOCALS, false), (LOCALS + 1..=streams.len() - 1, false)];
    let parts = parts.map(|(range, words)| {
        let Encoded { text, singles } = encode(&streams[range].concat(), words);
        format!("    {{ text: \"{text}\", singles: \"{singles}\", words: {words} }},\n")
    });
    let parts = parts.concat();
    let sizes = streams.each_ref().map(Vec::len);
    let size = wasm.len();
    Ok(format!(
        "export const inlined = {{\n  parts: [\n{parts}  ],\n  size: {size},\n  \
         sizes: {sizes:?},\n  head: {head},\n  functions: {functions},\n}};\n"
    ))
}

/// Fails unless the module at `inlined` stands for the wasm file `wasm`, by the code that ships.
pub fn check(inlined: &Path, wasm: &Path) -> Result<()> {
    let script = format!(
        "import {{ readFileSync }} from 'node:fs';
         import {{ inlined }} from {};
         import {{ unpack }} from {};
         if (!readFileSync({}).equals(unpack(inlined))) throw new Error('the inlined wasm is another one');",
        literal(inlined)?,
        literal(&workspace::at("pkg/entry/unpack.js"))?,
        literal(wasm)?,
    );
    process::read(command("node").args(["--input-type=module", "--eval", &script])).map(drop)
}

fn literal(path: &Path) -> Result<String> {
    serde_json::to_string(path).context("a path that is not Unicode")
}

/// Writes `bytes` as text, with words in it as they are if there are any.
fn encode(bytes: &[u8], words: bool) -> Encoded {
    let alphabet = alphabet();
    let (escapes, singles) = alphabet.split_at(ESCAPES);
    let mut frequent = by_frequency(bytes);
    let mut rare = frequent.split_off(singles.len());
    frequent.sort_unstable();
    rare.sort_unstable();

    let mut codes = vec![String::new(); 256];
    for (value, &character) in assign(&frequent, singles, words).into_iter().zip(singles) {
        codes[usize::from(value)] = char::from(character).to_string();
    }
    for (index, value) in rare.into_iter().enumerate() {
        let escape = escapes[index / singles.len()];
        let character = singles[index % singles.len()];
        codes[usize::from(value)] = [char::from(escape), char::from(character)].iter().collect();
    }

    let bits = |four: u8| (0..4).filter(|bit| frequent.contains(&(four * 4 + bit))).map(|bit| 1 << bit).sum();
    Encoded {
        text: bytes.iter().map(|&byte| codes[usize::from(byte)].as_str()).collect(),
        singles: (0..64).filter_map(|four| char::from_digit(bits(four), 16)).collect(),
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

/// The byte value of each single character. Where there are words, a value that is itself such a character keeps it; the others
/// take what is left.
fn assign(frequent: &[u8], singles: &[u8], words: bool) -> Vec<u8> {
    let keeps = |value: &u8| words && frequent.contains(value) && singles.contains(value);
    let mut others = frequent.iter().copied().filter(|value| !keeps(value));
    singles
        .iter()
        .map(|single| if keeps(single) { *single } else { others.next().unwrap_or_default() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose only contents are `bytes`, in a custom section.
    fn module(bytes: &[u8]) -> Vec<u8> {
        let size = bytes.len() + 2;
        let size: Vec<u8> =
            (0..5).map(|n| (size >> (7 * n)) as u8 & 0x7f | if n < 4 { 0x80 } else { 0 }).collect();
        [b"\0asm\x01\0\0\0\0".as_slice(), &size, b"\x01x", bytes].concat()
    }

    /// Decodes with the code that ships, and compares in Node.
    fn survives(name: &str, wasm: &[u8]) {
        let dir = workspace::target().join("xtask-tests").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let (file, inlined) = (dir.join("original.wasm"), dir.join("inlined.mjs"));
        std::fs::write(&file, streams::without_hints(wasm).unwrap()).unwrap();
        std::fs::write(&inlined, inline(wasm).unwrap()).unwrap();
        check(&inlined, &file).unwrap();
    }

    #[test]
    fn every_byte_value_survives_next_to_every_other() {
        let pairs: Vec<u8> = (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).flat_map(move |b| [a, b])).collect();
        survives("pairs", &module(&pairs));
    }

    #[test]
    fn a_skewed_distribution_survives() {
        let skewed: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(i) >> (i % 23)) as u8).collect();
        survives("skewed", &module(&skewed));
    }

    #[test]
    fn nothing_and_one_value_survive() {
        survives("empty", &module(&[]));
        survives("quotes", &module(&[b'"'; 9]));
    }

    #[test]
    fn every_instruction_survives() {
        let mut plain: Vec<u8> = (0x45..=0xc4).collect();
        plain.extend([0x00, 0x01, 0x05, 0x0f, 0x1a, 0x1b, 0xd1]);
        let mut bodies = vec![plain];
        let with_operands: [&[u8]; 21] = [
            &[0x02, 0x40, 0x03, 0x7f, 0x04, 0x80, 0x01, 0x0b, 0x0b, 0x0b],
            &[0x0c, 0x01, 0x0d, 0x80, 0x01],
            &[0x0e, 0x00, 0x07],
            &[0x0e, 0x02, 0x01, 0x80, 0x01, 0x03],
            &[0x10, 0x0b, 0x10, 0x80, 0x01],
            &[0x11, 0x05, 0x00],
            &[0x1c, 0x01, 0x6f],
            &[0x20, 0x0b, 0x21, 0x80, 0x01, 0x22, 0x02],
            &[0x23, 0x00, 0x24, 0x01, 0x25, 0x02, 0x26, 0x03],
            &[0x28, 0x02, 0x0b, 0x37, 0x03, 0x80, 0x80, 0x04, 0x3e, 0x02, 0x00],
            &[0x3f, 0x00, 0x40, 0x00],
            &[0x41, 0x0b, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78],
            &[0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f],
            &[0x43, 0x0b, 0x0b, 0x0b, 0x0b],
            &[0x44, 0x02, 0x02, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b],
            &[0xd0, 0x6f, 0xd2, 0x01],
            &[0xfc, 0x00, 0xfc, 0x07],
            &[0xfc, 0x08, 0x01, 0x00, 0xfc, 0x09, 0x01],
            &[0xfc, 0x0a, 0x00, 0x00, 0xfc, 0x0b, 0x00],
            &[0xfc, 0x0c, 0x01, 0x00, 0xfc, 0x0d, 0x01],
            &[0xfc, 0x0e, 0x00, 0x00, 0xfc, 0x0f, 0x00, 0xfc, 0x10, 0x00, 0xfc, 0x11, 0x00],
        ];
        bodies.extend(with_operands.map(<[u8]>::to_vec));
        // One body so long that its size takes two bytes.
        bodies.push(vec![0x01; 300]);

        let mut code = vec![bodies.len() as u8];
        for body in bodies {
            let size = body.len() + 4;
            code.extend((size > 127).then_some(size as u8 | 0x80));
            code.push(if size > 127 { (size >> 7) as u8 } else { size as u8 });
            code.extend([0x01, 0x02, 0x7f].iter().chain(&body).chain(&[0x0b]));
        }
        let size = [code.len() as u8 | 0x80, (code.len() >> 7) as u8];
        let tail = [0x0b, 0x01, 0x00];
        survives("code", &[b"\0asm\x01\0\0\0\x0a".as_slice(), &size, &code, &tail].concat());
    }

    #[test]
    fn another_file_does_not_pass() {
        let dir = workspace::target().join("xtask-tests/another");
        std::fs::create_dir_all(&dir).unwrap();
        let (file, inlined) = (dir.join("original.wasm"), dir.join("inlined.mjs"));
        std::fs::write(&file, module(b"this")).unwrap();
        std::fs::write(&inlined, inline(&module(b"that")).unwrap()).unwrap();
        assert!(check(&inlined, &file).is_err());
    }

    #[test]
    fn the_text_is_printable_ascii_that_needs_no_escape() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let text = encode(&all, true).text;
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert!(!text.contains(['"', '\\', '<']));
        assert_eq!(text.len(), 90 + 2 * 166);
    }
}
