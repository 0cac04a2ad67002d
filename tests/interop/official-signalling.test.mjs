// Publish and subscribe between clients of this package and of the official SDK.

import assert from "node:assert/strict";
import { officialClient } from "../support/official.mjs";
import { channelName, connect } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record } from "../support/wait.mjs";

test("messages go both ways, and neither hears itself", async (t) => {
  const [ours, theirs] = [await connect(t), await officialClient(t)];
  const channel = channelName();
  await Promise.all([ours.subscribe(channel), theirs.subscribe(channel)]);
  const atOurs = record(ours, "message");
  const atTheirs = record(theirs, "message");
  const values = [null, 0, "🌱", [1], { a: { b: [] } }];
  for (const value of values) {
    await ours.publish(channel, value);
    await theirs.publish(channel, value);
  }
  await Promise.all([atOurs.reach(values.length), atTheirs.reach(values.length)]);
  assert.deepEqual(atOurs.payloads.map(({ from, data }) => [from, data]), values.map((value) => [theirs.peerId ?? atOurs.payloads[0].from, value]));
  assert.deepEqual(atTheirs.payloads.map(({ from, data }) => [from, data]), values.map((value) => [ours.peerId, value]));
  assert.deepEqual([atOurs.payloads.length, atTheirs.payloads.length], [values.length, values.length]);
});

test("direct messages and metadata go both ways", async (t) => {
  const as = (sub, name) => ({ apiKey: undefined, tokenProvider: async () => token({ sub, peerMetadata: { name } }) });
  const [ours, theirs] = [await connect(t, as("our-client", "O")), await officialClient(t, as("their-client", "T"))];
  const [atOurs, atTheirs] = [once(ours, "direct"), once(theirs, "direct")];
  await ours.send("their-client", { n: 1 });
  await theirs.send("our-client", { n: 2 });
  assert.deepEqual(await atOurs, { from: "their-client", fromMetadata: { name: "T" }, data: { n: 2 } });
  const { from, fromMetadata, data } = await atTheirs;
  assert.deepEqual({ from, fromMetadata, data }, { from: "our-client", fromMetadata: { name: "O" }, data: { n: 1 } });
});

test("presence tells each of the other", async (t) => {
  const ours = await connect(t);
  const channel = channelName();
  const presence = record(ours, "presence");
  await ours.subscribe(channel);
  const theirs = await officialClient(t);
  const snapshot = once(theirs, "presence");
  await theirs.subscribe(channel);
  assert.ok((await snapshot).joined.some(({ peerId }) => peerId === ours.peerId));
  await presence.reach(2);
  const [{ peerId }] = presence.payloads[1].joined;
  await theirs.unsubscribe(channel);
  await presence.reach(3);
  assert.deepEqual(presence.payloads[2], { channel, joined: [], left: [{ peerId }] });
});
