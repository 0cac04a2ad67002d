// Whoever judges can be wrong himself: ledgers in which something is amiss.

import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../support/ledger.mjs";

const ids = { fromId: "a", toId: "b" };

/** The ledgers of a, who sent 0 to 3 and had its channel closed after 1 if `told`, and of b, who heard some of it. */
const ledgers = (heard, { told = 0, spread = [0, 5] } = {}) => [
  {
    remotes: { b: { sent: [0, 1, 2, 3].map((number) => [number, number > 1 ? told : 0]), told, resets: 0 } },
    broadcast: { sent: [0, 5], heard: {} },
  },
  { remotes: { a: { heard } }, broadcast: { sent: [], heard: { a: spread } } },
];
const verdict = (...args) => judge(...ledgers(...args), ids);

test("what arrived once and in order is fine, and so is what was lost at the end of a channel that closed", () => {
  assert.equal(verdict([0, 1, 2, 3]).missingAndTold, 0);
  assert.equal(verdict([0, 2, 3], { told: 1 }).missingAndTold, 1);
});

test("what is lost without a word, between others, twice, or out of order is not", () => {
  assert.throws(() => verdict([0, 1, 2]), /nobody said so: 3/);
  assert.throws(() => verdict([1, 2, 3], { told: 1 }), /between others of the same channel: 0/);
  assert.throws(() => verdict([0, 1, 1, 2, 3]), /twice or out of order/);
  assert.throws(() => verdict([1, 0, 2, 3]), /twice or out of order/);
});

test("nor is what the server has acknowledged and lost, unless it may forget", () => {
  assert.throws(() => verdict([0, 1, 2, 3], { spread: [0] }), /acknowledged by the server and missing: 5/);
  assert.equal(judge(...ledgers([0, 1, 2, 3], { spread: [0] }), { ...ids, mayForget: true }).unspread, 1);
});
