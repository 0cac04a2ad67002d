// What a hundred peers hold in memory stays what was agreed to in `bench/budget.json`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { memoryOfHundred } from "../support/hundred-peers.mjs";
import * as memory from "../support/memory.mjs";
import { test } from "../support/test.mjs";

const realtime = await import("metered-realtime");

const { memoryOf100Peers: budget } = JSON.parse(readFileSync(new URL("../../bench/budget.json", import.meta.url), "utf8"));

test("a hundred remotes keep to their budgets of wasm memory and of heap", async (t) => {
  const { wasm, heap } = await memoryOfHundred(realtime, memory);
  t.diagnostic(`wasm ${wasm}, heap ${heap} bytes`);
  assert.ok(wasm <= budget.wasm, `the wasm memory has ${wasm} bytes, ${budget.wasm} were agreed to`);
  assert.ok(heap <= budget.heap, `the heap has grown by ${heap} bytes, ${budget.heap} were agreed to`);
});
