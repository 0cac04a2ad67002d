// Event handlers: order, once and off, isolation.

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

test("once runs once, also when a handler before it causes the next event", async (t) => {
  const { client: c } = await client(t);
  const say = (data) => c.emit("direct", { data });
  const seen = [];
  c.on("direct", ({ data }) => void (data < 2 && say(data + 1)));
  c.once("direct", ({ data }) => seen.push(data));
  say(0);
  assert.deepEqual(seen, [2], "the innermost event comes to it first");
  say(3);
  assert.deepEqual(seen, [2]);
  assert.equal(c.listenerCount("direct"), 1);
});

test("a once that is added while an event is told waits for the next one", async (t) => {
  const { client: c, say } = await client(t);
  const seen = [];
  const again = ({ data }) => {
    seen.push(data);
    if (data < 3) c.once("direct", again);
  };
  c.once("direct", again);
  for (const data of [1, 2, 3, 4]) say(data);
  assert.deepEqual(seen, [1, 2, 3]);
});

test("off removes one registration, the first", async (t) => {
  const { client: c, say } = await client(t);
  const seen = [];
  const handler = () => seen.push("twice");
  c.on("direct", handler).on("direct", () => seen.push("between")).on("direct", handler).off("direct", handler);
  say(0);
  assert.deepEqual(seen, ["between", "twice"]);
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

test("whatever a handler answers, its siblings run and the logger hears of what failed", async (t) => {
  const errors = [];
  const { client: c, say } = await client(t, { logger: { error: (message, { error }) => errors.push([message, error.message]) } });
  const seen = [];
  const hostile = {
    "a `then` that throws": { then() { throw new Error("in then"); } },
    "a `then` that cannot be read": { get then() { throw new Error("reading then"); } },
    "a thenable that rejects at once": { then: (_, reject) => reject(new Error("at once")) },
    "a thenable that rejects later": { then: (_, reject) => queueMicrotask(() => reject(new Error("later"))) },
    "a thenable that never ends": { then() {} },
    "a `then` that is no function": { then: true },
    "a promise": Promise.resolve(),
    "null": null,
  };
  for (const [name, answer] of Object.entries(hostile)) c.on("direct", () => (seen.push(name), answer));
  c.on("direct", async () => { await null; throw new Error("after a while"); });
  c.on("direct", () => seen.push("last"));
  say(0);
  assert.deepEqual(seen, [...Object.keys(hostile), "last"]);
  await settle();
  assert.deepEqual(errors.map(([, error]) => error), ["in then", "reading then", "at once", "later", "after a while"]);
  for (const [message] of errors) assert.match(message, /'direct'/);
});

test("what is thrown need not be an error", async (t) => {
  const thrown = [];
  const { client: c, say } = await client(t, { logger: { error: (message, { error }) => thrown.push(error) } });
  c.on("direct", () => { throw undefined; });
  c.on("direct", () => Promise.reject(null));
  say(0);
  await settle();
  assert.deepEqual(thrown, [undefined, null]);
});

test("a handler is called without a `this`, and with the payload alone", async (t) => {
  const { client: c, say } = await client(t);
  const calls = [];
  c.on("direct", function (...args) { calls.push([this, args.length]); });
  say(0);
  assert.deepEqual(calls, [[undefined, 1]]);
});

test("emit() calls the handlers now and answers whether there was one", async (t) => {
  const { client: c } = await client(t);
  const { payloads } = record(c, "message");
  assert.equal(c.emit("message", "payload"), true);
  assert.equal(c.emit("presence", "payload"), false);
  assert.deepEqual(payloads, ["payload"]);
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

test("a handler must be a function", async (t) => {
  const { client: c } = await client(t);
  for (const handler of [undefined, null, {}, "f"]) assert.throws(() => c.on("direct", handler), TypeError);
});

test("more than a hundred handlers of one event are a warning: one, until they were fewer than that again", async (t) => {
  const warnings = [];
  const { client: c } = await client(t, { logger: { warn: (message) => warnings.push(message) } });
  const handler = () => {};
  const add = (count) => { for (let i = 0; i < count; i += 1) c.on("direct", handler); };
  const remove = (count) => { for (let i = 0; i < count; i += 1) c.off("direct", handler); };
  add(100);
  assert.equal(warnings.length, 0);
  add(3);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /'direct'/);
  remove(3);
  add(3);
  assert.equal(warnings.length, 1, "a count that goes up and down around the limit is no news");
  remove(4);
  add(2);
  assert.equal(warnings.length, 2);
  c.removeAllListeners();
  add(101);
  assert.equal(warnings.length, 3);
  for (let i = 0; i < 101; i += 1) c.once("message", handler);
  assert.match(warnings[3], /'message'/);
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

test("a hundred clients whose handlers each call the next one nest without harm", async (t) => {
  const clients = Array.from({ length: 100 }, () => {
    const client = new SignallingClient({ apiKey: "k", url: "ws://localhost", webSocketFactory: new FakeServer().factory });
    t.after(() => client.close());
    return client;
  });
  let depth = 0;
  let deepest = 0;
  clients.forEach((client, n) => client.once("state-change", () => {
    depth += 1;
    deepest = Math.max(deepest, depth);
    clients[n + 1]?.connect();
    depth -= 1;
  }));
  await clients[0].connect();
  assert.equal(deepest, 100);
  await until(() => clients.every(({ state }) => state === "connected"), "the connections");
});
