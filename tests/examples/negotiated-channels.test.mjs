// The example of channels that both sides open by number.

import assert from "node:assert/strict";
import { asksFor, runsWell } from "../support/example.mjs";
import { test } from "../support/test.mjs";

test("both sides get a text on one channel and a position on the other", async (t) => {
  const lines = await runsWell(t, "negotiated-channels");
  assert.deepEqual(lines, [`OK — Ann got {"text":"I am Bob","position":[1,2]}, Bob got {"text":"I am Ann","position":[1,2]}`]);
});

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "negotiated-channels", "METERED_KEY"));
