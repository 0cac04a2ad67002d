// Names that stand on both sides of the boundary: in Rust for the numbers that cross, in JavaScript for what they mean.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (file) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

/** The variants of a Rust enum as JavaScript writes methods. */
const asked = (source) => {
  const [, variants] = /^(?:pub\(crate\) )?enum Ask \{\n(.*?)^\}/ms.exec(source);
  return [...variants.matchAll(/^ {4}(\w)(\w*),$/gm)].map(([, first, rest]) => `_${first.toLowerCase()}${rest}`);
};

/** What a class has on its prototype, in the order in which it is written. */
const members = (source, name) => {
  const [, body] = new RegExp(`^export class ${name}\\b.*?\\{\\n(.*?)^\\}`, "ms").exec(source);
  return [...body.matchAll(/^ {2}(?:async )?(?:get )?(\w+)\(.*\{$/gm)].map(([, member]) => member);
};

/** `NAME = number` in a source, in groups: the modules of a Rust file, or all there is. */
const numbers = (source) =>
  Object.fromEntries([...source.matchAll(/\bconst ([A-Z_]+)(?:: u32)? = (\d+);/g)].map(([, name, value]) => [name, Number(value)]));

const modules = (source) =>
  [...source.matchAll(/^mod (\w+) \{\n(.*?)^\}/gms)].map(([, name, body]) => ({ name, numbers: numbers(body) }));

for (const [rust, js, name] of [["src/host.rs", "js/host.js", "Host"], ["src/tracks.rs", "js/data_tracks.js", "DataTracks"]]) {
  test(`the methods that ${rust} numbers stand in ${name} at those places`, () => {
    const wanted = ["constructor", ...asked(read(rust))];
    assert.ok(wanted.length > 5);
    assert.deepEqual(members(read(js), name).slice(0, wanted.length), wanted);
  });
}

test("what is told and asked by number has the same number on both sides", () => {
  const here = { ...numbers(read("js/data_tracks.js")), ...numbers(read("js/host.js")) };
  const tracks = numbers(read("js/data_tracks.js"));
  let compared = 0;
  for (const [file, known] of [["src/client.rs", here], ["src/tracks.rs", tracks]]) {
    for (const { name, numbers } of modules(read(file))) {
      for (const constant in numbers) {
        assert.equal(known[constant], numbers[constant], `${constant} of ${name} in ${file}`);
        compared += 1;
      }
    }
  }
  assert.ok(compared > 40);
});
