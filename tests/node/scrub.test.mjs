// What is told of an error of the platform's never has a credential in it, whatever stands around it.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { scrubbed } from "../../js/scrub.js";
import { dice } from "../support/dice.mjs";
import { test } from "../support/test.mjs";

const SEEDS = 5_000;
const SECRET = "pLaNtEd";
const AROUND = [..."abcXYZ 0189\n\t.,;:&?=#/{}[]()<>\"'`\\|%+-_~!é☃", "key", "=secret", "null", "\u0000", "a=", "wss://h/v1"];
// What a credential may have in it where it stands bare, and where it stands in quotes.
const BARE = [..."abz019.-_~+/%*=!$"];
const QUOTED = [...BARE, ..." ,;&}{:?[]\n"];

/** Ways in which a platform quotes a credential. */
const PLACES = [
  (secret) => `?key=${secret()}`, (secret) => `&token=${secret()}`, (secret) => `&ReSuMe=${secret()}&seen=4`,
  (secret) => `wss://h/v1?key=${secret()}&resume=${secret()}`,
  (secret) => `a=ice-ufrag:${secret()}\r\na=ice-pwd:${secret()}\r\n`,
  (secret) => `credential: ${secret()}`, (secret) => `credential=${secret()}`,
  (_, quoted) => JSON.stringify({ urls: "turn:h", credential: quoted() }),
  (_, quoted) => JSON.stringify({ servers: [{ credential: quoted(), username: "u" }] }, null, 2),
  (_, quoted) => JSON.stringify(JSON.stringify({ credential: quoted() })),
  (_, quoted) => `{ credential: '${quoted()}' }`, (_, quoted) => `{ credential: "${quoted()}`,
];

const place = (chance) => {
  const secret = (characters) => () => chance.text(characters, chance.below(6)) + SECRET + chance.text(characters, chance.below(6));
  const said = chance.pick(PLACES)(secret(BARE), secret(QUOTED));
  return chance.text(AROUND, chance.below(12)) + chance.pick([" ", "'", "\n", "(", ""]) + said + chance.pick([" ", "\n", ""]) + chance.text(AROUND, chance.below(12));
};

const KINDS = [
  (said) => new Error(said), (said) => new TypeError(said), (said) => said, (said) => new DOMException(said, "OperationError"),
  (said) => Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: said }),
  (said) => new Error("failed", { cause: new Error(said) }), (said) => ({ message: said, name: "Odd" }),
];

test("no credential outlives scrubbing, whatever surrounds it", () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const chance = dice(seed);
    const said = place(chance);
    const told = scrubbed(chance.pick(KINDS)(said));
    const shown = [String(told), told.message, told.stack, inspect(told, { depth: 5, showHidden: true })].join("\n");
    assert.ok(!shown.includes(SECRET), `seed ${seed}: ${JSON.stringify(said)} is told as ${shown}`);
  }
});

test("an error without a credential is told as it is, and any value at all", () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const chance = dice(seed);
    const error = new Error(chance.text([..."abc .,:;\"'{}/\n"], chance.below(40)));
    assert.equal(scrubbed(error), error);
  }
  for (const value of [undefined, null, 0, "", "text", Symbol("s"), {}, [], () => 1, { message: 5 }]) assert.equal(scrubbed(value), value);
});

test("scrubbing ends, however long a text is and however often it begins", () => {
  for (const part of ["credential\"", "credential:\"\\", "?key=", "credential:\\\"x\\", "ice-pwd:", "\\", "credential   "]) {
    assert.ok(scrubbed(new Error(part.repeat(100_000))).message.length > 0);
  }
});
