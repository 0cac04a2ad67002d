// DataChannel on a channel that a test controls: its events, and the order and fate of sends.

import assert from "node:assert/strict";
import { DataChannel, DataChannelOverflowError } from "metered-realtime";
import { FakeChannel } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle, until } from "../support/wait.mjs";

/** An open channel with room for 100 bytes, and what wraps it. */
const open = (options) => {
  const raw = new FakeChannel();
  raw.open();
  const dc = new DataChannel(raw, { maxBufferedAmount: 100, bufferedAmountLowThreshold: 50, maxQueuedSends: 3, ...options });
  return { raw, dc };
};

const text = (bytes, letter = "x") => letter.repeat(bytes);

test("open fires for a channel that opens, and once for one that was open when it was wrapped", async () => {
  const raw = new FakeChannel();
  const opened = record(new DataChannel(raw), "open");
  raw.open();
  assert.equal(opened.payloads.length, 1);

  const { raw: early, dc } = open();
  const late = record(dc, "open");
  await settle();
  early.open();
  assert.equal(late.payloads.length, 1);
});

test("open does not fire for a channel that was closed before anybody could listen", async () => {
  const { dc } = open();
  const opened = record(dc, "open");
  const closed = record(dc, "close");
  dc.close();
  await settle();
  assert.deepEqual([opened.payloads.length, closed.payloads.length], [0, 1]);
});

test("the wrapper asks for array buffers and sets the low-water mark, half the high one by default", () => {
  const { raw } = open();
  assert.deepEqual([raw.binaryType, raw.bufferedAmountLowThreshold], ["arraybuffer", 50]);
  const plain = new FakeChannel();
  new DataChannel(plain);
  assert.equal(plain.bufferedAmountLowThreshold, 512 * 1024);
});

test("a send goes out at once while the buffer has room, and waits beyond that", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 40;
  await dc.send(text(60));
  assert.equal(raw.sent.length, 1);
  raw.bufferedAmount = 41;
  let sent = false;
  const waiting = dc.send(text(60)).then(() => { sent = true; });
  await settle();
  assert.deepEqual([raw.sent.length, sent], [1, false]);
  raw.bufferedAmount = 40;
  raw.dispatch("bufferedamountlow");
  await waiting;
  assert.equal(raw.sent.length, 2);
});

test("waiting sends go on without bufferedamountlow, which one platform never fires", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const waiting = dc.send(text(10));
  await settle();
  assert.equal(raw.sent.length, 0);
  raw.bufferedAmount = 0;
  await waiting;
  assert.equal(raw.sent.length, 1);
});

test("sends keep their order, those that could overtake included", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 60;
  const sends = [dc.send(text(50, "a")), dc.send(text(1, "b")), dc.send(text(1, "c"))];
  await settle();
  assert.deepEqual(raw.sent, []);
  raw.bufferedAmount = 0;
  raw.dispatch("bufferedamountlow");
  await Promise.all(sends);
  assert.deepEqual(raw.sent.map((data) => data[0]), ["a", "b", "c"]);
});

test("one send more than maxQueuedSends is refused and says how many wait; the others are not harmed", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const sends = [1, 2, 3].map(() => dc.send("x"));
  await assert.rejects(dc.send("y"), (error) => {
    assert.ok(error instanceof DataChannelOverflowError && error instanceof Error);
    assert.deepEqual([error.name, error.code, error.queued, error.cap], ["DataChannelOverflowError", "data_channel_overflow", 3, 3]);
    return true;
  });
  raw.bufferedAmount = 0;
  raw.dispatch("bufferedamountlow");
  await Promise.all(sends);
  assert.deepEqual(raw.sent, ["x", "x", "x"]);
});

test("a payload above the high-water mark goes out when the buffer is empty, instead of blocking for ever", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 1;
  const waiting = dc.send(text(500));
  await settle();
  assert.equal(raw.sent.length, 0);
  raw.bufferedAmount = 0;
  await waiting;
  assert.equal(raw.sent[0].length, 500);
});

test("close rejects every waiting send, fires close once and refuses further sends", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const sends = [dc.send("a"), dc.send("b")];
  const closed = record(dc, "close");
  dc.close();
  dc.close();
  for (const send of sends) await assert.rejects(send, { name: "InvalidStateError" });
  await assert.rejects(dc.send("c"), { name: "InvalidStateError" });
  await settle();
  assert.equal(closed.payloads.length, 1);
  assert.equal(raw.added, raw.removed);
});

test("a channel that the other side closes rejects waiting sends too", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const waiting = dc.send("a");
  const closed = once(dc, "close");
  raw.close();
  await assert.rejects(waiting, { name: "InvalidStateError" });
  await closed;
  assert.equal(raw.added, raw.removed);
});

test("a send on a channel that is not open yet is refused", async () => {
  await assert.rejects(new DataChannel(new FakeChannel()).send("x"), { name: "InvalidStateError" });
});

test("a channel that says it is open takes a send, though its event is still on its way", async () => {
  const raw = new FakeChannel();
  const dc = new DataChannel(raw);
  raw.readyState = "open";
  await dc.send("x");
  assert.deepEqual(raw.sent, ["x"]);
});

test("what the native send throws rejects that send alone", async () => {
  const { raw, dc } = open();
  const { send } = raw;
  raw.send = () => { throw new RangeError("too much"); };
  await assert.rejects(dc.send("a"), RangeError);
  raw.bufferedAmount = 100;
  const waiting = dc.send("b");
  raw.bufferedAmount = 0;
  await assert.rejects(waiting, RangeError);
  raw.send = send;
  await dc.send("c");
  assert.deepEqual(raw.sent, ["c"]);
});

test("what a channel cannot send is a TypeError that says what it can", async () => {
  const { dc } = open();
  for (const data of [undefined, null, 5, {}, [], Symbol("s"), 1n]) {
    await assert.rejects(dc.send(data), (error) => error instanceof TypeError && /`data`.*string.*ArrayBuffer/.test(error.message));
  }
});

test("several senders that wake in one tick when the buffer is low do not overrun it", async () => {
  const { raw, dc } = open({ maxQueuedSends: 100 });
  let most = 0;
  const { send } = raw;
  raw.send = (data) => {
    raw.bufferedAmount += data.length;
    most = Math.max(most, raw.bufferedAmount);
    send.call(raw, data);
  };
  const drain = () => {
    raw.bufferedAmount = Math.max(0, raw.bufferedAmount - 60);
    if (raw.bufferedAmount <= 50) raw.dispatch("bufferedamountlow");
  };
  const senders = Array.from({ length: 5 }, async (_, sender) => {
    for (let i = 0; i < 10; i += 1) await dc.send(text(30, String(sender)));
  });
  const all = Promise.all(senders);
  await until(() => {
    drain();
    return raw.sent.length === 50;
  });
  await all;
  assert.ok(most <= 100, `${most} bytes were buffered`);
  for (let sender = 0; sender < 5; sender += 1) assert.equal(raw.sent.filter((data) => data[0] === String(sender)).length, 10);
});

test("bufferedamountlow and error events pass through, message data unchanged", async () => {
  const { raw, dc } = open();
  const low = once(dc, "bufferedamountlow");
  raw.dispatch("bufferedamountlow");
  await low;
  const failure = new Error("sctp");
  const error = once(dc, "error");
  raw.dispatch("error", { error: failure });
  assert.equal((await error).err, failure);
  const bare = once(dc, "error");
  raw.dispatch("error", {});
  assert.ok((await bare).err instanceof Error);
  const message = once(dc, "message");
  const { buffer } = new Uint8Array([1, 2]);
  raw.dispatch("message", { data: buffer });
  assert.equal((await message).data, buffer);
});

test("events() of a channel ends when it closes", async () => {
  const { raw, dc } = open();
  const all = (async () => {
    const seen = [];
    for await (const { data } of dc.events("message")) seen.push(data);
    return seen;
  })();
  raw.dispatch("message", { data: "a" });
  raw.close();
  assert.deepEqual(await all, ["a"]);
});

test("a channel can be closed and wrapped again from within its handlers", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const waiting = dc.send("x").catch((error) => error.name);
  dc.on("close", () => dc.close());
  dc.on("message", () => {
    dc.close();
    new DataChannel(raw).close();
  });
  raw.dispatch("message", { data: "go" });
  assert.equal(await waiting, "InvalidStateError");
  await settle();
  assert.equal(raw.added, raw.removed);
});
