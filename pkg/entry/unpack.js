// The wasm file travels inside the bundle as text in three parts: in each the frequent byte values as one
// character each, the others as two. How it is made, and why so, is told by crates/xtask/src/inline.rs.
//
// What the text says are the bytes of the wasm file, sorted into streams. Which bytes went into which, and
// what the code below must know of wasm, is told by crates/xtask/src/streams.rs.

const REST = 0;
const OPCODES = 1;
const BLOCKS = 2;
const LABELS = 3;
const CALLS = 4;
const LOCALS = 5;
const OFFSETS = 6;
const ADDRESSES = 7;
// The first of those of the constants, which go by the instruction that follows.
const CONSTANTS = 8;

// Where the first operand of an instruction comes from: from this stream for opcodes from the one to the
// other. Other instructions have none, apart from the constants of floating point.
const OPERANDS = [
  [BLOCKS, 0x02, 0x04],
  [LABELS, 0x0c, 0x0e],
  [CALLS, 0x10, 0x10],
  [OPCODES, 0x11, 0x11],
  [OPCODES, 0x1c, 0x1c],
  [LOCALS, 0x20, 0x22],
  [OPCODES, 0x23, 0x26],
  [OFFSETS, 0x28, 0x3e],
  [OPCODES, 0x3f, 0x40],
  [CONSTANTS, 0x41, 0x42],
  [OPCODES, 0xd0, 0xd0],
  [OPCODES, 0xd2, 0xd2],
  [OPCODES, 0xfc, 0xfc],
];

// The places of characters in the alphabet: printable ASCII without `"`, `<` and `\`. The two escape
// characters come first, at -2 and -1.
const places = [];
for (let code = 32, place = -2; code < 127; code++) {
  if (code !== 34 && code !== 60 && code !== 92) places[code] = place++;
}

// How many byte values are one character.
const SINGLES = 90;

// Turns a text back into bytes, from `to` on, and returns where they end. `singles` has a bit for each byte value, four in
// a hex digit: whether it is one character. With `words` that is its own if it has one. What is left of either goes
// by the order of the values, those of two characters last.
const decode = ({ text, singles, words }, bytes, to) => {
  const values = [];
  const others = [[], []];
  for (let value = 0; value < 256; value++) {
    const isSingle = (parseInt(singles[value >> 2], 16) >> (value & 3)) & 1;
    if (words && isSingle && places[value] >= 0) values[places[value]] = value;
    else others[isSingle].push(value);
  }
  for (let index = 0; index < SINGLES; index++) values[index] ??= others[1].shift();
  values.push(...others[0]);

  for (let from = 0; from < text.length; to++) {
    let index = places[text.charCodeAt(from++)];
    if (index < 0) index = SINGLES * (index + 3) + places[text.charCodeAt(from++)];
    bytes[to] = values[index];
  }
  return to;
};

// Puts the wasm file together again. `size` is its size, `sizes` are those of the streams, which stand one
// after the other, `head` is the number of bytes before the first function, `functions` that of the functions.
export const unpack = ({ parts, size, sizes, head, functions }) => {
  const bytes = new Uint8Array(size);
  parts.reduce((to, part) => decode(part, bytes, to), 0);
  let end = 0;
  const next = sizes.map((length) => (end += length) - length);
  const wasm = new Uint8Array(size);
  let at = 0;

  const operands = new Uint8Array(256);
  for (const [stream, first, last] of OPERANDS) operands.fill(stream, first, last + 1);
  const loads = new Uint8Array(256).fill(1, 0x28, 0x36);

  // Copies from a stream: some bytes.
  const copy = (stream, count) => {
    while (count-- > 0) wasm[at++] = bytes[next[stream]++];
  };
  // A number, in seven bits a byte.
  const number = (stream) => {
    let from = next[stream];
    let value = 0;
    for (let shift = 0, part = 128; part > 127; shift += 7) {
      part = wasm[at++] = bytes[from++];
      value |= (part & 127) << shift;
    }
    next[stream] = from;
    return value;
  };
  // An instruction. Returns the change in depth.
  const instruction = () => {
    const opcode = (wasm[at++] = bytes[next[OPCODES]++]);
    let stream = operands[opcode];
    if (stream === CONSTANTS) stream += bytes[next[OPCODES]] >> 2;
    if (opcode === 0x20 && loads[bytes[next[OPCODES]]]) stream = ADDRESSES;
    if (stream === OFFSETS) at++;
    const operand = stream > 0 ? number(stream) : 0;
    if (opcode > 0x1f && opcode < 0x43) return 0;
    if (opcode === 0x0b) return -1;
    if (opcode > 0x01 && opcode < 0x05) return 1;
    if (opcode === 0x0e) for (let label = 0; label <= operand; label++) number(LABELS);
    if (opcode === 0x11 || opcode === 0x1c) number(OPCODES);
    if (opcode === 0x43 || opcode === 0x44) copy(OPCODES, opcode * 4 - 0x108);
    if (operand > 7 && opcode === 0xfc) copy(OPCODES, operand < 15 && operand % 2 === 0 ? 2 : 1);
    return 0;
  };

  copy(REST, head);
  while (functions-- > 0) {
    const start = at;
    for (let groups = number(REST); groups-- > 0; copy(REST, 1)) number(REST);
    for (let depth = 1; depth > 0; ) depth += instruction();
    // What came out is as long as the body; its length, in seven bits a byte, comes before it.
    let length = at - start;
    const width = length > 0x3fff ? 3 : length > 0x7f ? 2 : 1;
    wasm.copyWithin(start + width, start, at);
    at += width;
    for (let place = start; place < start + width; length >>= 7) wasm[place++] = length | 128;
    wasm[start + width - 1] &= 127;
  }
  copy(REST, sizes[REST] - next[REST]);
  return wasm;
};
