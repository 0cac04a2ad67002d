// Event handlers: order, once and off, isolation, and events() as a stream.

import assert from "node:assert/strict";
import { SignallingClient } from "metered-realtime";
import { FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { record, settle, until } from "../support/wait.mjs";

/** A connected client without a network; `say` makes it emit a `direct` event with a payload. */
const client = async (t, options) => {
  const server = new FakeServer();
  const client = new SignallingClient({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory, ...options });
  t.after(() => client.close());
  await client.connect();
  const say = (data) => server.socket.receive({ type: "direct", from: "somebody", data });
  return { client, server, say };
};

test("handlers run in the order in which they were added, and on() chains", async (t) => {
  const { client: c, say } = await client(t);
  const seen = [];
  c.on("direct", () => seen.push(1)).on("direct", () => seen.push(2)).once("direct", () => seen.push(3));
  say(0);
  say(0);
  assert.deepEqual(seen, [1, 2, 3, 1, 2]);
});

test("once runs once, also when its handler causes the next event", async (t) => {
  const { client: c, say } = await client(t);
  let runs = 0;
  c.once("direct", () => {
    runs += 1;
    say("again");
  });
  say("first");
  assert.equal(runs, 1);
});

test("off removes a handler of on and of once, and one that is not there disturbs nothing", async (t) => {
  const { client: c, say } = await client(t);
  const handler = () => assert.fail("removed handlers do not run");
  c.on("direct", handler).once("direct", handler);
  assert.equal(c.listenerCount("direct"), 2);
  c.off("direct", handler).off("direct", handler).off("direct", handler).off("message", handler);
  assert.equal(c.listenerCount("direct"), 0);
  say(0);
});

test("a handler that is removed or added during a dispatch counts from the next one on", async (t) => {
  const { client: c, say } = await client(t);
  const seen = [];
  const second = () => seen.push("second");
  c.once("direct", () => {
    c.off("direct", second);
    c.on("direct", () => seen.push("late"));
  });
  c.on("direct", second);
  say(0);
  assert.deepEqual(seen, ["second"]);
  say(0);
  assert.deepEqual(seen, ["second", "late"]);
});

test("a handler that throws or rejects disturbs nobody, and the logger hears of it", async (t) => {
  const errors = [];
  const { client: c, say, server } = await client(t, { logger: { error: (message, { error }) => errors.push(error.message) } });
  const seen = [];
  c.on("direct", () => { throw new Error("thrown"); });
  c.on("direct", async () => { throw new Error("rejected"); });
  c.on("direct", ({ data }) => seen.push(data));
  say(1);
  await settle();
  assert.deepEqual(seen, [1]);
  assert.deepEqual(errors, ["thrown", "rejected"]);
  await c.publish("a", 1);
  assert.equal(server.sent("publish").length, 1);
});

test("a logger that throws, in whole or in part, is survived", async (t) => {
  const logger = { get error() { throw new Error("no"); }, warn() { throw new Error("no"); }, debug: 7 };
  const { client: c, say, server } = await client(t, { logger });
  c.on("direct", () => { throw new Error("thrown"); });
  say(1);
  server.socket.receive("not json");
  await c.publish("a", 1);
});

test("every method can be called from within a handler", async (t) => {
  const { client: c, say, server } = await client(t);
  const done = [];
  c.on("direct", async () => {
    assert.equal(c.state, "connected");
    assert.equal(c.peerId, "me");
    c.toJSON();
    await c.subscribe("a");
    await c.publish("a", 1);
    await c.send("b", 2);
    await c.unsubscribe("a");
    await c.close();
    done.push(true);
  });
  say(0);
  await until(() => done.length === 1);
  assert.deepEqual(server.socket.sent.map((frame) => frame.type), ["subscribe", "publish", "send", "unsubscribe"]);
});

test("events() yields what arrives, also what arrived before it was asked", async (t) => {
  const { client: c, say } = await client(t);
  const events = c.events("direct");
  say(1);
  say(2);
  assert.equal((await events.next()).value.data, 1);
  assert.equal((await events.next()).value.data, 2);
  const next = events.next();
  say(3);
  assert.equal((await next).value.data, 3);
});

test("leaving a for-await loop removes its handler", async (t) => {
  const { client: c, say } = await client(t);
  queueMicrotask(() => say(1));
  for await (const { data } of c.events("direct")) {
    assert.equal(data, 1);
    break;
  }
  assert.equal(c.listenerCount("direct"), 0);
});

test("a full events() queue drops its oldest", async (t) => {
  const { client: c, say } = await client(t);
  const events = c.events("direct", { maxSize: 2 });
  for (const value of [1, 2, 3, 4]) say(value);
  assert.deepEqual([(await events.next()).value.data, (await events.next()).value.data], [3, 4]);
  assert.throws(() => c.events("direct", { maxSize: -1 }), TypeError);
});

test("a handler must be a function", async (t) => {
  const { client: c } = await client(t);
  for (const handler of [undefined, null, {}, "f"]) assert.throws(() => c.on("direct", handler), TypeError);
});

test("more than a hundred handlers of one event are a warning, once", async (t) => {
  const warnings = [];
  const { client: c } = await client(t, { logger: { warn: (message) => warnings.push(message) } });
  for (let i = 0; i < 103; i += 1) c.on("direct", () => {});
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /'direct'/);
});

test("removeAllListeners removes those of every event", async (t) => {
  const { client: c, say } = await client(t);
  c.on("direct", () => assert.fail("removed")).on("message", () => assert.fail("removed"));
  assert.equal(c.removeAllListeners(), c);
  say(1);
  assert.equal(c.listenerCount("direct") + c.listenerCount("message"), 0);
});

test("the payload objects of two handlers are one, and no internals are in it", async (t) => {
  const { client: c, say } = await client(t);
  const first = record(c, "direct");
  const second = record(c, "direct");
  say({ a: 1 });
  assert.equal(first.payloads[0], second.payloads[0]);
  assert.deepEqual(Object.keys(first.payloads[0]), ["from", "data"]);
});
