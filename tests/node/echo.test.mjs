// The main job: a peer-to-peer data channel.

import assert from "node:assert/strict";
import { openChannel, pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

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
