// The CommonJS entry finds Node's optional packages as the ES module does.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";

const { SignallingClient } = createRequire(import.meta.url)("metered-realtime");

test("a client from `require` connects", async () => {
  const client = new SignallingClient(await access());
  await client.connect();
  assert.equal(client.state, "connected");
  await client.close();
});
