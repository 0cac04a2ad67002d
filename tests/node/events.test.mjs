// events(): the events of one name as a bounded stream.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { FakeChannel } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";

/** Something with events; `say` emits one. */
const source = () => {
  const dc = new DataChannel(new FakeChannel());
  return { dc, say: (...values) => values.forEach((data) => dc.emit("message", { data })) };
};

const OVER = { value: undefined, done: true };
const taken = async (stream, count) => {
  const values = [];
  while (values.length < count) values.push((await stream.next()).value.data);
  return values;
};
const rest = async (stream) => {
  const values = [];
  for await (const { data } of stream) values.push(data);
  return values;
};

test("a stream yields what arrives, also what arrived before it was asked for", async () => {
  const { dc, say } = source();
  say("before");
  const events = dc.events("message");
  say(1, 2);
  assert.deepEqual(await taken(events, 2), [1, 2]);
  const next = events.next();
  say(3);
  assert.deepEqual(await next, { value: { data: 3 }, done: false });
});

test("calls of next() that wait at the same time get an event each, in their order", async () => {
  const { dc, say } = source();
  const events = dc.events("message");
  const nexts = [events.next(), events.next(), events.next()];
  say(1, 2, 3, 4);
  assert.deepEqual((await Promise.all(nexts)).map(({ value }) => value.data), [1, 2, 3]);
  assert.deepEqual(await taken(events, 1), [4]);
});

test("two streams of one event are independent", async () => {
  const { dc, say } = source();
  const [a, b] = [dc.events("message"), dc.events("message", { maxSize: 1 })];
  say(1, 2);
  assert.deepEqual(await taken(b, 1), [2]);
  await b.return();
  say(3);
  assert.deepEqual(await taken(a, 3), [1, 2, 3]);
});

test("leaving a loop, by break or by an error, unregisters the stream", async () => {
  const { dc, say } = source();
  queueMicrotask(() => say(1, 2));
  for await (const { data } of dc.events("message")) {
    assert.equal(data, 1);
    break;
  }
  assert.equal(dc.listenerCount("message"), 0);
  await assert.rejects(async () => {
    queueMicrotask(() => say(3));
    for await (const { data } of dc.events("message")) throw new Error(`at ${data}`);
  }, /at 3/);
  assert.equal(dc.listenerCount("message"), 0);
});

test("a full stream drops its oldest events", async () => {
  const { dc, say } = source();
  const events = dc.events("message", { maxSize: 2 });
  say(1, 2, 3, 4);
  assert.deepEqual(await taken(events, 2), [3, 4]);
});

test("a stream holds 4096 events, unless another number or none is given as bound", async () => {
  for (const [options, held] of [[undefined, 4096], [{}, 4096], [{ maxSize: undefined }, 4096], [{ maxSize: 0 }, 5000], [{ maxSize: Infinity }, 5000]]) {
    const { dc, say } = source();
    const events = dc.events("message", options);
    for (let i = 0; i < 5000; i += 1) say(i);
    dc.close();
    const values = await rest(events);
    assert.deepEqual([values.length, values.at(-1)], [held, 4999]);
  }
});

test("a bound that is none is a TypeError which names it, and registers nothing", () => {
  const { dc } = source();
  for (const maxSize of [-1, NaN, "5", [], {}, true, 1n]) {
    assert.throws(() => dc.events("message", { maxSize }), (error) => error instanceof TypeError && /`maxSize`/.test(error.message));
  }
  assert.equal(dc.listenerCount("message"), 0);
});

test("return() unregisters, drops what was not taken, and tells everybody who waits", async () => {
  const { dc, say } = source();
  const full = dc.events("message");
  say(1);
  assert.deepEqual(await full.return(), OVER);
  assert.deepEqual(await full.next(), OVER);

  const waiting = dc.events("message");
  const nexts = [waiting.next(), waiting.next()];
  assert.deepEqual(await waiting.return("value"), { value: "value", done: true });
  assert.deepEqual(await Promise.all(nexts), [OVER, OVER]);
  assert.equal(dc.listenerCount("message"), 0);
  say(2);
  assert.deepEqual(await waiting.next(), OVER);
  assert.deepEqual(await waiting.return(), OVER);
});

test("throw() ends the stream and rejects with its argument", async () => {
  const { dc } = source();
  const events = dc.events("message");
  const next = events.next();
  const error = new Error("enough");
  await assert.rejects(events.throw(error), (caught) => caught === error);
  assert.deepEqual(await next, OVER);
  assert.equal(dc.listenerCount("message"), 0);
});

test("a stream is disposed of as `await using` does it", async () => {
  const { dc } = source();
  const events = dc.events("message");
  const next = events.next();
  assert.equal(await events[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")](), undefined);
  assert.deepEqual(await next, OVER);
  assert.equal(dc.listenerCount("message"), 0);
});

test("the end of its object ends a stream, after what was not taken yet", async () => {
  const { dc, say } = source();
  const [messages, closes] = [dc.events("message"), dc.events("close")];
  const idle = dc.events("error").next();
  say(1, 2);
  dc.close();
  assert.deepEqual(await rest(messages), [1, 2]);
  assert.deepEqual(await closes.next(), { value: undefined, done: false });
  assert.deepEqual(await closes.next(), OVER);
  assert.deepEqual(await idle, OVER);
  assert.equal(dc.listenerCount("message"), 0);
});

test("of an object that has ended for good a stream is empty", async () => {
  const { dc } = source();
  dc.close();
  assert.deepEqual(await dc.events("message").next(), OVER);
  assert.equal(dc.listenerCount("message"), 0);
});

test("removeAllListeners() ends streams, for nothing would come any more", async () => {
  const { dc, say } = source();
  const events = dc.events("message");
  const next = events.next();
  dc.removeAllListeners();
  assert.deepEqual(await next, OVER);
  const again = dc.events("message");
  say(1);
  assert.deepEqual(await taken(again, 1), [1]);
});
