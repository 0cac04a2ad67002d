// What it costs to carry the wasm file inside of a JavaScript file, for several ways to write bytes as text: the size of the
// whole file, plain and compressed, and the time until the bytes are there again.
//
//   cargo xtask package && node bench/inlining.mjs
//
// Every way gets the same JavaScript around it, that of the slim entry, and its own decoder. A page decodes once: so the time
// is that of the first decoding in a process of its own, the median of many processes, the ways in turns. Compiling is the
// same for all of them and stands in a line of its own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, deflateRawSync, gzipSync, inflateRawSync } from "node:zlib";
import { transformSync } from "esbuild";
import { inlined } from "../pkg/generated/inlined.js";
import { unpack } from "../pkg/entry/unpack.js";

const ROUNDS = 15;

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const wasm = readFileSync(new URL("../pkg/metered_realtime.wasm", import.meta.url));
const around = read("pkg/slim.js");

const minified = (code) => transformSync(code, { minify: true, target: "es2022", charset: "utf8" }).code;

// ---- the ways

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const ALPHABET_91 = [...Array(95).keys()].map((code) => String.fromCharCode(code + 32)).filter((character) => !" \"'\\".includes(character)).join("");

/** basE91: 13 bits, or 14 where they are few, in two characters. */
const toBase91 = (bytes) => {
  let [text, bits, count] = ["", 0, 0];
  for (const byte of bytes) {
    bits |= byte << count;
    count += 8;
    if (count <= 13) continue;
    const few = (bits & 8191) <= 88;
    const value = bits & (few ? 16383 : 8191);
    bits >>>= few ? 14 : 13;
    count -= few ? 14 : 13;
    text += ALPHABET_91[value % 91] + ALPHABET_91[Math.floor(value / 91)];
  }
  return text + ALPHABET_91[bits % 91] + ALPHABET_91[Math.floor(bits / 91)];
};
const fromBase91 = (text, size) => {
  const values = new Uint8Array(128);
  for (let value = 0; value < 91; value++) values[ALPHABET_91.charCodeAt(value)] = value;
  const bytes = new Uint8Array(size);
  let [bits, count, to] = [0, 0, 0];
  for (let from = 0; from < text.length; from += 2) {
    const value = values[text.charCodeAt(from)] + 91 * values[text.charCodeAt(from + 1)];
    bits |= value << count;
    count += (value & 8191) <= 88 ? 14 : 13;
    for (; count > 7 && to < size; count -= 8, bits >>>= 8) bytes[to++] = bits;
  }
  return bytes;
};

/** One character for each byte, U+0000 to U+00FF: one byte of UTF-8 below U+0080, two from there on. */
const toLatin1 = (bytes) => bytes.toString("latin1");
const fromLatin1 = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** 15 bits in one UTF-16 code unit that is a character by itself: three bytes of UTF-8. */
const toBase32768 = (bytes) => {
  let [text, bits, count] = ["", 0, 0];
  for (const byte of [...bytes, 0]) {
    bits = (bits << 8) | byte;
    count += 8;
    if (count < 15) continue;
    count -= 15;
    text += String.fromCharCode(0x3400 + ((bits >>> count) & 32767));
    bits &= (1 << count) - 1;
  }
  return text + String.fromCharCode(0x3400 + (bits << (15 - count)));
};
const fromBase32768 = (text, size) => {
  const bytes = new Uint8Array(size);
  let [bits, count, to] = [0, 0, 0];
  for (let from = 0; from < text.length; from++) {
    bits = (bits << 15) | (text.charCodeAt(from) - 0x3400);
    count += 15;
    for (; count > 7 && to < size; bits &= (1 << count) - 1) bytes[to++] = bits >>> (count -= 8);
  }
  return bytes;
};

const literal = (text) => JSON.stringify(text);

const ways = {
  "this package's": {
    code: read("pkg/generated/inlined.js") + read("pkg/entry/unpack.js"),
    decode: () => unpack(inlined),
  },
  base64: way(wasm.toString("base64"), fromBase64),
  basE91: way(toBase91(wasm), fromBase91),
  "Latin-1 in UTF-8": way(toLatin1(wasm), fromLatin1),
  "15 bits a UTF-16 unit": way(toBase32768(wasm), fromBase32768),
  // The platform inflates asynchronously: as a default entry it would need a top-level await.
  "deflate, then base64": way(deflateRawSync(wasm, { level: 9 }).toString("base64"), (text) => new Uint8Array(inflateRawSync(fromBase64(text)))),
};

function way(text, decode) {
  return { code: `const text = ${literal(text)};\nexport const bytes = () => (${decode})(text, ${wasm.length});`, decode: () => decode(text, wasm.length) };
}

// ---- the sizes

const sizes = (bytes) => [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
const row = (name, cells) => console.log(`| ${[name.padEnd(24), ...cells.map((cell) => String(cell).padStart(9))].join(" | ")} |`);

// ---- the times

const timed = (act) => {
  const start = performance.now();
  const result = act();
  return { ms: performance.now() - start, result };
};

const COMPILING = "compiling";

/** The time of one thing in this process, which has not done it before. */
const once = (name) => {
  if (name === COMPILING) return timed(() => new WebAssembly.Module(wasm)).ms;
  const { ms, result } = timed(ways[name].decode);
  assert.ok(wasm.equals(result), name);
  return ms;
};

const inProcess = (name) => Number(execFileSync(process.execPath, [fileURLToPath(import.meta.url), name], { encoding: "utf8" }));
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const measure = () => {
  const times = new Map([...Object.keys(ways), COMPILING].map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) for (const [name, all] of times) all.push(inProcess(name));
  row("way", ["bytes", "gzip", "brotli", "ms"]);
  row("---", Array(4).fill("--:"));
  const files = [sizes(Buffer.from(around)), sizes(wasm)];
  row("two files (control)", [...files[0].map((size, column) => size + files[1][column]), "–"]);
  for (const [name, { code }] of Object.entries(ways)) {
    row(name, [...sizes(Buffer.from(around + minified(code))), median(times.get(name)).toFixed(1)]);
  }
  console.log(`\n\`new WebAssembly.Module\`: ${median(times.get(COMPILING)).toFixed(1)} ms`);
};

const [only] = process.argv.slice(2);
if (only === undefined) measure();
else console.log(once(only));
