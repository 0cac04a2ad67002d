// The echo example, which is also what `cargo xtask echo` runs.

import assert from "node:assert/strict";
import { asksFor, runExample } from "../support/example.mjs";
import { test } from "../support/test.mjs";

const OK = `OK — bot echoed ["ping","hello","metered"]`;

test("it echoes in one process", async (t) => {
  const { lines, ended } = await runExample(t, "data-channel-echo");
  assert.equal(await ended(), 0, lines.join("\n"));
  assert.deepEqual(lines, [OK]);
});

test("it echoes between a bot and a client that are processes of their own", async (t) => {
  const bot = await runExample(t, "data-channel-echo", ["bot"]);
  await bot.line("waits in");
  const client = await runExample(t, "data-channel-echo", ["client"]);
  assert.equal(await client.ended(), 0, client.lines.join("\n"));
  assert.deepEqual(client.lines, [OK]);
  assert.equal(await bot.stop(), 0, bot.lines.join("\n"));
});

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "data-channel-echo", "METERED_KEY"));
