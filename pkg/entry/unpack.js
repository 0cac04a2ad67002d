// The wasm file travels inside the bundle as text: the frequent byte values as one character each, the
// others as two. How the text is made, and why so, is told by crates/xtask/src/inline.rs.

// A character's place in the alphabet: printable ASCII without `"`, `<` and `\`. The two escape
// characters come first, at -2 and -1.
const place = (code) => code - 34 - (code > 34) - (code > 60) - (code > 92);

// Turns the text back into bytes. `singles` holds the byte values of the characters that stand alone, as
// hex digits; the remaining values follow in ascending order.
export function unpack(text, singles, size) {
  const values = singles.match(/../g).map((hex) => parseInt(hex, 16));
  const known = new Set(values);
  const alone = values.length;
  for (let value = 0; value < 256; value++) if (!known.has(value)) values.push(value);

  const bytes = new Uint8Array(size);
  for (let at = 0, out = 0; out < size; out++) {
    let index = place(text.charCodeAt(at++));
    if (index < 0) index = alone * (index + 3) + place(text.charCodeAt(at++));
    bytes[out] = values[index];
  }
  return bytes;
}
