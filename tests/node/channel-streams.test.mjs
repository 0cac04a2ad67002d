// `readable` and `writable` of a DataChannel, on a channel that a test controls, and over connections that are replaced.

import assert from "node:assert/strict";
import { DataChannel, DataChannelOversizedError, DataChannelReadOverflowError } from "metered-realtime";
import { FakeChannel } from "../support/fakes.mjs";
import { openChannel, pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

/** An open channel, and what wraps it. */
const open = (options) => {
  const raw = new FakeChannel();
  raw.open();
  return { raw, dc: new DataChannel(raw, options) };
};

const receive = (raw, ...messages) => messages.forEach((data) => raw.dispatch("message", { data }));

const bytes = (...values) => new Uint8Array(values).buffer;

const collect = async (stream) => {
  const all = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
};

// ---- readable

test("readable has every message from when it is asked for: texts as they are, bytes as Uint8Array", async () => {
  const { raw, dc } = open();
  receive(raw, "too early");
  const all = collect(dc.readable);
  receive(raw, "a", bytes(1, 2), "");
  raw.close();
  assert.deepEqual(await all, ["a", new Uint8Array([1, 2]), ""]);
});

test("handlers of message go on beside readable, and may go without harm to it", async () => {
  const { raw, dc } = open();
  const heard = record(dc, "message");
  const all = collect(dc.readable);
  receive(raw, "a");
  dc.removeAllListeners();
  receive(raw, "b");
  raw.close();
  assert.deepEqual(await all, ["a", "b"]);
  assert.equal(heard.payloads.length, 1);
});

test("readable is one stream, so it has one reader, until it has ended; then there is a new one", async () => {
  const { raw, dc } = open();
  const stream = dc.readable;
  assert.equal(dc.readable, stream);
  const reader = stream.getReader();
  assert.throws(() => dc.readable.getReader(), TypeError);
  receive(raw, "dropped");
  await reader.cancel();
  receive(raw, "nobody's");
  assert.notEqual(dc.readable, stream);
  const next = dc.readable.getReader();
  receive(raw, "kept");
  assert.deepEqual(await next.read(), { value: "kept", done: false });
});

test("cancelling readable leaves the channel open", async () => {
  const { raw, dc } = open();
  await dc.readable.cancel();
  await dc.send("still");
  assert.deepEqual([dc.readyState, raw.sent], ["open", ["still"]]);
});

test("readable of a closed channel has ended, its writable cannot be written", async () => {
  const { dc } = open();
  dc.close();
  assert.deepEqual(await collect(dc.readable), []);
  await assert.rejects(dc.writable.getWriter().closed, { name: "InvalidStateError" });
});

test("what was received before the channel closed is still read", async () => {
  const { raw, dc } = open();
  const stream = dc.readable;
  receive(raw, "a", "b");
  dc.close();
  assert.deepEqual(await collect(stream), ["a", "b"]);
});

for (const when of ["before", "after"]) {
  test(`a channel that fails ends readable with the failure, after what came before it; read ${when} that`, async () => {
    const { raw, dc } = open();
    const reader = dc.readable.getReader();
    const failure = new Error("sctp");
    const fail = () => {
      receive(raw, "a", "b");
      raw.dispatch("error", { error: failure });
      raw.close();
    };
    if (when === "before") queueMicrotask(fail);
    else fail();
    if (when === "after") await settle();
    assert.equal((await reader.read()).value, "a");
    assert.equal((await reader.read()).value, "b");
    await assert.rejects(reader.read(), failure);
  });
}

test("readable holds no more than its bound: what came before is read, then comes an error, and messages go on", async () => {
  const { raw, dc } = open({ maxUnreadAmount: 1000 });
  const heard = record(dc, "message");
  const reader = dc.readable.getReader();
  for (let i = 0; i < 100; i += 1) receive(raw, bytes(...new Array(100).fill(i)));
  const read = [];
  const error = await (async () => {
    for (;;) read.push((await reader.read()).value[0]);
  })().catch((error) => error);
  assert.ok(error instanceof DataChannelReadOverflowError && error instanceof Error);
  assert.deepEqual([error.name, error.code, error.cap], ["DataChannelReadOverflowError", "data_channel_read_overflow", 1000]);
  assert.deepEqual(read, [0, 1, 2, 3, 4, 5, 6], "7 × (100 + 64) bytes, no gap");
  assert.equal(heard.payloads.length, 100);
  assert.equal(dc.readyState, "open");
  const next = dc.readable.getReader();
  receive(raw, "again");
  assert.equal((await next.read()).value, "again");
});

test("empty messages have a bound too", async () => {
  const { raw, dc } = open({ maxUnreadAmount: 640 });
  const reader = dc.readable.getReader();
  for (let i = 0; i < 1000; i += 1) receive(raw, "");
  for (let i = 0; i < 10; i += 1) assert.equal((await reader.read()).value, "");
  await assert.rejects(reader.read(), DataChannelReadOverflowError);
});

test("a reader that keeps up reads for ever", async () => {
  const { raw, dc } = open({ maxUnreadAmount: 500 });
  const reader = dc.readable.getReader();
  for (let i = 0; i < 1000; i += 1) {
    receive(raw, `${i}`);
    assert.equal((await reader.read()).value, `${i}`);
  }
});

// ---- writable

test("a write resolves with its send, so a full buffer holds the writer back", async () => {
  const { raw, dc } = open({ maxBufferedAmount: 100 });
  const writer = dc.writable.getWriter();
  await writer.write("a");
  raw.bufferedAmount = 100;
  let written = false;
  const write = writer.write(bytes(1)).then(() => { written = true; });
  await settle();
  assert.deepEqual([raw.sent, written, writer.desiredSize], [["a"], false, 0]);
  raw.bufferedAmount = 0;
  await write;
  assert.equal(raw.sent.length, 2);
});

test("bytes longer than a message may be are split, in views and Blobs alike; shorter chunks are one message each", async () => {
  const { raw, dc } = open({ maxMessageSize: 4 });
  const source = Uint8Array.from({ length: 12 }, (_, i) => i);
  const writer = dc.writable.getWriter();
  for (const chunk of [source.buffer, source.subarray(1, 10), new DataView(source.buffer, 8), new Blob([source.subarray(0, 6)]), bytes(7)]) {
    await writer.write(chunk);
  }
  assert.deepEqual(raw.sent.map((data) => [...new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength)]), [
    [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11],
    [1, 2, 3, 4], [5, 6, 7, 8], [9],
    [8, 9, 10, 11],
    [0, 1, 2, 3], [4, 5],
    [7],
  ]);
});

test("bytes are split to fit the high-water mark too", async () => {
  const { raw, dc } = open({ maxBufferedAmount: 5 });
  await dc.writable.getWriter().write(new Uint8Array(12));
  assert.deepEqual(raw.sent.map(({ length }) => length), [5, 5, 2]);
});

test("a text is not split but refused, and so is what cannot be sent; the stream ends by it, the channel does not", async () => {
  for (const [chunk, error] of [["12345", DataChannelOversizedError], [{}, TypeError], [null, TypeError], [5, TypeError]]) {
    const { raw, dc } = open({ maxMessageSize: 4 });
    const writer = dc.writable.getWriter();
    await assert.rejects(writer.write(chunk), error);
    await assert.rejects(writer.write("1234"), error);
    await dc.send("1234");
    assert.deepEqual([dc.readyState, raw.sent], ["open", ["1234"]]);
  }
});

test("closing and aborting writable leave the channel open, and there is a new stream for what comes next", async () => {
  const { raw, dc } = open();
  const first = dc.writable;
  assert.equal(dc.writable, first);
  await new Blob(["one"]).stream().pipeTo(first);
  const second = dc.writable;
  assert.notEqual(second, first);
  await second.abort(new Error("enough"));
  const writer = dc.writable.getWriter();
  await writer.write("three");
  assert.deepEqual([dc.readyState, raw.sent.length, raw.sent[1]], ["open", 2, "three"]);
});

test("an abort stops between the parts of a chunk", async () => {
  const { raw, dc } = open({ maxMessageSize: 4, maxBufferedAmount: 4 });
  const writer = dc.writable.getWriter();
  raw.bufferedAmount = 4;
  const refused = assert.rejects(writer.write(new Uint8Array(12)), { message: "enough" });
  await settle();
  const aborted = writer.abort(new Error("enough"));
  raw.bufferedAmount = 0;
  await Promise.all([refused, aborted]);
  assert.equal(raw.sent.length, 1);
});

test("a channel that closes ends writable, with the write that waits", async () => {
  const { raw, dc } = open({ maxBufferedAmount: 10 });
  const writer = dc.writable.getWriter();
  raw.bufferedAmount = 10;
  const refused = assert.rejects(writer.write("x"), { name: "InvalidStateError" });
  dc.close();
  await refused;
  await assert.rejects(writer.closed, { name: "InvalidStateError" });
});

test("pipeTo stops reading its source when the channel closes", async () => {
  const { dc } = open();
  let cancelled;
  const source = new ReadableStream({ pull: (controller) => settle().then(() => controller.enqueue("x")), cancel: (reason) => { cancelled = reason; } });
  const piped = assert.rejects(source.pipeTo(dc.writable), { name: "InvalidStateError" });
  dc.close();
  await piped;
  assert.equal(cancelled.name, "InvalidStateError");
});

// ---- over real connections

test("a connection that is replaced ends both streams, since messages may be missing, and new ones go on", async (t) => {
  const { toA, toB } = await pair(t);
  const dc = toB.openDataChannel("chat");
  const theirs = new DataChannel((await once(toA, "data-channel")).channel);
  // A connection that dies while it is being made is another matter.
  const heard = once(theirs, "message");
  await dc.send("before");
  await heard;
  const [reader, writer] = [dc.readable.getReader(), dc.writable.getWriter()];
  const ends = [assert.rejects(reader.closed, Error), assert.rejects(writer.closed, { name: "InvalidStateError" })];
  const [gap, second] = [once(dc, "close"), once(toA, "data-channel")];
  toA.pc.close();
  await Promise.all([gap, ...ends]);
  assert.equal(dc.readyState, "connecting");
  const received = record(new DataChannel((await Promise.all([second, dc.writable.getWriter().write("after")]))[0].channel), "message");
  await dc.send("and on");
  await received.reach(1);
});

test("a file goes through both streams as it would through any other, with a small buffer between them", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { options: { maxBufferedAmount: 64 * 1024 } });
  const response = new Response(theirs.readable.pipeThrough(new TransformStream({
    transform: (chunk, controller) => (chunk === "end" ? controller.terminate() : controller.enqueue(chunk)),
  })));
  const content = new Uint8Array(2 * 1024 * 1024).map((_, i) => i % 253);
  await new Blob([content]).stream().pipeTo(ours.writable);
  await ours.send("end");
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), content);
});
