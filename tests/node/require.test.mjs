// The CommonJS entry finds Node's optional packages as the ES module does.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "../support/test.mjs";

const { SignallingClient } = createRequire(import.meta.url)("metered-realtime");

test("a client from `require` connects", async () => {
  const client = new SignallingClient({ apiKey: process.env.METERED_KEY, url: process.env.METERED_URL });
  await client.connect();
  assert.equal(client.state, "connected");
  await client.close();
});
