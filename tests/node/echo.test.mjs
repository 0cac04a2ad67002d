// The main job: a peer-to-peer data channel, and the example that shows it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitCode } from "../support/child.mjs";
import { openChannel, pair } from "../support/room.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { once, record, until, within } from "../support/wait.mjs";

const example = fileURLToPath(new URL("../../examples/data-channel-echo.mjs", import.meta.url));

/** Starts the example. `lines` are what it prints, `ended()` its exit code. */
const run = async (t, role, environment) => {
  const { apiKey, url } = await access();
  const env = { ...process.env, METERED_KEY: apiKey, METERED_URL: url, ...environment };
  const child = spawn(process.execPath, role ? [example, role] : [example], { env });
  t.after(() => child.kill("SIGKILL"));
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (line) => lines.push(line));
  const ended = exitCode(child);
  return { child, lines, ended: () => within(ended, `the end of the example (${role ?? "both"})`, 25_000) };
};

test("text and bytes are echoed over a data channel", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { label: "echo" });
  assert.deepEqual([ours.label, theirs.label, ours.readyState, theirs.readyState], ["echo", "echo", "open", "open"]);
  theirs.on("message", ({ data }) => theirs.send(data));
  const echoes = record(ours, "message");

  const bytes = new Uint8Array([0, 1, 254, 255]);
  for (const data of ["text 🌱", "", bytes, bytes.buffer, new DataView(bytes.buffer, 1, 2)]) await ours.send(data);
  await echoes.reach(5);
  const plain = echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
  assert.deepEqual(plain, ["text 🌱", "", [0, 1, 254, 255], [0, 1, 254, 255], [1, 254]]);
});

test("a remote's state follows its connection, to connected and to closed", async (t) => {
  const { b, toA, toB } = await pair(t);
  const states = record(toB, "state-change");
  await openChannel(toB, toA);
  await until(() => toB.state === "connected");
  await b.close();
  await until(() => toB.state === "closed");
  // A connection that is faster than its events is never seen connecting.
  assert.deepEqual(states.payloads.map(({ to }) => to).filter((to) => to !== "connecting"), ["connected", "closed"]);
});

test("several channels to one peer are independent, and each closes on both sides", async (t) => {
  const { toA, toB } = await pair(t);
  const first = await openChannel(toB, toA, { label: "one" });
  const second = await openChannel(toA, toB, { label: "two", init: { ordered: false } });
  const closed = [once(first.ours, "close"), once(first.theirs, "close")];
  first.ours.close();
  first.ours.close();
  await Promise.all(closed);
  await assert.rejects(first.theirs.send("late"), { name: "InvalidStateError" });
  const message = once(second.theirs, "message");
  await second.ours.send("alive");
  assert.equal((await message).data, "alive");
});

test("closing a peer closes its channels on both sides", async (t) => {
  const { a, toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA);
  const closed = [once(ours, "close"), once(theirs, "close")];
  await a.close();
  await Promise.all(closed);
  assert.deepEqual([ours.readyState, theirs.readyState], ["closed", "closed"]);
});

test("the example echoes in one process", async (t) => {
  const { lines, ended } = await run(t);
  assert.equal(await ended(), 0, lines.join("\n"));
  assert.deepEqual(lines, [`OK — bot echoed ["ping","hello","metered"]`]);
});

test("the example echoes between a bot and a client that are processes of their own", async (t) => {
  const bot = await run(t, "bot");
  await until(() => bot.lines.length > 0, "the bot's first line");
  const client = await run(t, "client");
  assert.equal(await client.ended(), 0, client.lines.join("\n"));
  assert.deepEqual(client.lines, [`OK — bot echoed ["ping","hello","metered"]`]);
  bot.child.kill("SIGINT");
  assert.equal(await bot.ended(), 0, bot.lines.join("\n"));
});

test("the example without METERED_KEY says what it needs and exits with 2", async (t) => {
  const { lines, ended } = await run(t, undefined, { METERED_KEY: "" });
  assert.equal(await ended(), 2);
  assert.deepEqual(lines, ["Set METERED_KEY=pk_live_... (a publishable key)."]);
});
