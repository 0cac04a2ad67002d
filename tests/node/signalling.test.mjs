// Publish and subscribe, direct messages and presence, against the real server.

import assert from "node:assert/strict";
import { channelName, connect, newClient } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record } from "../support/wait.mjs";

test("a client goes from idle over connecting to connected, and has its peer id with the welcome", async (t) => {
  const client = await newClient(t);
  assert.equal(client.state, "idle");
  assert.equal(client.peerId, undefined);
  const states = record(client, "state-change");
  const connected = once(client, "connected");
  await client.connect();
  assert.equal(client.state, "connected");
  assert.deepEqual(states.payloads, [{ from: "idle", to: "connecting" }, { from: "connecting", to: "connected" }]);

  const welcome = await connected;
  assert.equal(welcome.peerId, client.peerId);
  assert.equal(welcome.isReconnect, false);
  assert.equal(welcome.resumed, false);
  assert.equal(welcome.expiresAt, null);
  assert.equal(welcome.maxMessageSize, 65536);
  assert.ok(Math.abs(welcome.serverTime - Date.now() / 1000) < 60);
});

test("a published value reaches every other subscriber as it was, and not its sender", async (t) => {
  const [sender, first, second] = await Promise.all([connect(t), connect(t), connect(t)]);
  const channel = channelName();
  for (const client of [sender, first, second]) await client.subscribe(channel);
  const own = record(sender, "message");
  const received = [first, second].map((client) => record(client, "message"));

  const values = [null, true, 0, -1.5, "", "grün 🌱 \u2028", [], [1, [2]], {}, { a: { b: null } }, { type: "ack", __proto__x: 1 }];
  for (const value of values) await sender.publish(channel, value);
  for (const { payloads, reach } of received) {
    await reach(values.length);
    assert.deepEqual(payloads.map(({ data }) => data), values);
    assert.ok(payloads.every((message) => message.from === sender.peerId && message.channel === channel));
    assert.ok(payloads.every((message) => !("fromMetadata" in message)));
  }
  assert.deepEqual(own.payloads, []);
});

test("a direct message reaches one client alone", async (t) => {
  const [sender, receiver, bystander] = await Promise.all([connect(t), connect(t), connect(t)]);
  const others = record(bystander, "direct");
  const direct = once(receiver, "direct");
  await sender.send(receiver.peerId, { hello: ["you"] });
  assert.deepEqual(await direct, { from: sender.peerId, data: { hello: ["you"] } });
  assert.deepEqual(others.payloads, []);
});

test("presence tells who is there, then who comes and who goes", async (t) => {
  const [early, late] = await Promise.all([connect(t), connect(t)]);
  const channel = channelName();
  const presence = record(early, "presence");
  await early.subscribe(channel);
  await presence.reach(1);
  assert.deepEqual(presence.payloads[0].left, []);

  const snapshot = once(late, "presence");
  await late.subscribe(channel);
  assert.ok((await snapshot).joined.some((peer) => peer.peerId === early.peerId));
  await presence.reach(2);
  assert.deepEqual(presence.payloads[1], { channel, joined: [{ peerId: late.peerId }], left: [] });

  await late.unsubscribe(channel);
  await presence.reach(3);
  assert.deepEqual(presence.payloads[2], { channel, joined: [], left: [{ peerId: late.peerId }] });
});

test("after unsubscribe no message arrives any more", async (t) => {
  const [sender, receiver] = await Promise.all([connect(t), connect(t)]);
  const channel = channelName();
  await receiver.subscribe(channel);
  const messages = record(receiver, "message");
  await sender.publish(channel, 1);
  await messages.reach(1);
  await receiver.unsubscribe(channel);
  await sender.publish(channel, 2);
  // A round trip through the server, after which the message would be here.
  const direct = once(receiver, "direct");
  await sender.send(receiver.peerId, null);
  await direct;
  assert.deepEqual(messages.payloads.map(({ data }) => data), [1]);
});

test("a payload may be anything that JSON.stringify writes, toJSON included", async (t) => {
  const [sender, receiver] = await Promise.all([connect(t), connect(t)]);
  const direct = once(receiver, "direct");
  await sender.send(receiver.peerId, { when: new Date(0), skipped: undefined, no: NaN });
  assert.deepEqual((await direct).data, { when: "1970-01-01T00:00:00.000Z", no: null });
});

test("many requests at once are each answered", async (t) => {
  const [sender, receiver] = await Promise.all([connect(t), connect(t)]);
  const channel = channelName();
  await receiver.subscribe(channel);
  const messages = record(receiver, "message");
  const values = Array.from({ length: 150 }, (_, i) => i);
  await Promise.all(values.map((value) => sender.publish(channel, value)));
  await messages.reach(values.length);
  assert.deepEqual(messages.payloads.map(({ data }) => data), values);
});

test("close ends in closed, can be repeated, and connect works again afterwards", async (t) => {
  const client = await connect(t);
  const firstId = client.peerId;
  await Promise.all([client.close(), client.close()]);
  assert.equal(client.state, "closed");
  await client.close();
  await client.connect();
  assert.equal(client.state, "connected");
  assert.notEqual(client.peerId, firstId);
});

test("a client is disposed of at the end of an `await using` block", async (t) => {
  const client = await connect(t);
  const dispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
  assert.equal(typeof client[dispose], "function");
  await client[dispose]();
  assert.equal(client.state, "closed");
});

test("what a client shows of itself holds no credential", async (t) => {
  const client = await connect(t, { apiKey: "pk_live_dev" });
  assert.deepEqual(JSON.parse(JSON.stringify(client)), { state: "connected" });
  const { inspect } = await import("node:util");
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }), /pk_live/);
});
