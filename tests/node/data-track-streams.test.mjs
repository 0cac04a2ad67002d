// Streams of data tracks: their buffers, and the ways to read and to end them.

import assert from "node:assert/strict";
import { bytes, caughtUp, collect, publishing, streaming, subscribers, text, textOf } from "../support/data-tracks.mjs";
import { test } from "../support/test.mjs";
import { until } from "../support/wait.mjs";

/** Pushes numbered frames, each when the one before has arrived, and resolves when all have. */
const push = async (local, remote, count, first = 0) => {
  for (let n = first; n < first + count; n += 1) {
    const { framesReceived } = remote.stats;
    local.tryPush({ payload: text(`${n}`) });
    await until(() => remote.stats.framesReceived > framesReceived, `frame ${n}`);
  }
};

const upTo = (count, first = 0) => Array.from({ length: count }, (_, n) => `${first + n}`);
const read = async (stream, count) => {
  const frames = [];
  while (frames.length < count) frames.push(textOf(await stream.read()));
  return frames;
};

test("a slow reader loses its own oldest frames, counted, and a fast one beside it gets everything", async (t) => {
  const { local, remote } = await publishing(t);
  const [slow, fast] = [remote.subscribe({ bufferSize: 3 }), collect(remote.subscribe({ bufferSize: 3 }))];
  await subscribers(local, 1);
  await push(local, remote, 20);
  await fast.reach(20);
  assert.deepEqual(fast.frames.map(textOf), upTo(20));
  assert.deepEqual(await read(slow, 3), upTo(3, 17));
  assert.deepEqual(remote.stats, { framesReceived: 20, framesOverflowed: 17, packetsLate: 0, framesIncomplete: 0, framesUndecryptable: 0 });
  await push(local, remote, 1, 20);
  assert.deepEqual(await read(slow, 1), ["20"], "it goes on with what is new");
});

test("a buffer of 0 frames is one of 1, that of a stream that does not say is one of 16, and one may be without bound", async (t) => {
  const { local, remote } = await publishing(t);
  const streams = [{ bufferSize: 0 }, { bufferSize: 1 }, { bufferSize: 1.9 }, undefined, { bufferSize: null }, { bufferSize: Infinity }].map((options) => remote.subscribe(options));
  await subscribers(local, 1);
  await push(local, remote, 20);
  const sizes = [1, 1, 1, 16, 16, 20];
  for (const [at, stream] of streams.entries()) assert.deepEqual(await read(stream, sizes[at]), upTo(sizes[at], 20 - sizes[at]));
});

test("reads that are made at once are answered in their order, each with a frame of its own", async (t) => {
  const { local, stream, remote } = await streaming(t);
  const reads = Promise.all(Array.from({ length: 5 }, () => stream.read()));
  await push(local, remote, 5);
  assert.deepEqual((await reads).map(textOf), upTo(5));
  const last = [stream.read(), stream.read(), stream.next()];
  stream.close();
  assert.deepEqual(await Promise.all(last), [null, null, { value: undefined, done: true }]);
});

test("of reads that wait when the stream fails the first is told, and the others that it has ended", async (t) => {
  const { a, stream } = await streaming(t);
  const reads = Promise.allSettled([stream.read(), stream.read(), stream.next()]);
  await a.close();
  const [first, ...others] = await reads;
  assert.equal(first.reason.reason, "disconnected");
  assert.deepEqual(others.map(({ value }) => value), [null, { value: undefined, done: true }]);
});

test("for await reads frame after frame and ends with the track", async (t) => {
  const { local, stream, remote } = await streaming(t);
  const collected = collect(stream);
  await push(local, remote, 5);
  await collected.reach(5);
  await local.unpublish();
  await collected.end;
  assert.deepEqual([collected.frames.map(textOf), collected.failure], [upTo(5), undefined]);
});

test("frames that a stream holds when it ends are gone with it", async (t) => {
  const { local, stream, remote } = await streaming(t);
  await push(local, remote, 3);
  await local.unpublish();
  await until(() => stream.endReason !== undefined);
  assert.equal(await stream.read(), null);
});

test("a ReadableStream takes frames as it is read, so that the oldest are dropped where nobody reads", async (t) => {
  const { local, stream, remote } = await streaming(t, { bufferSize: 2 });
  assert.ok(stream.readable instanceof ReadableStream);
  assert.equal(stream.readable, stream.readable);
  await push(local, remote, 10);
  const reader = stream.readable.getReader();
  const frames = [textOf((await reader.read()).value), textOf((await reader.read()).value)];
  assert.deepEqual([frames, remote.stats.framesOverflowed], [upTo(2, 8), 8]);
  const waiting = reader.read();
  await push(local, remote, 1, 10);
  assert.equal(textOf((await waiting).value), "10");
  await local.unpublish();
  assert.equal((await reader.read()).done, true);
});

test("a ReadableStream fails as its stream does", async (t) => {
  const { a, stream } = await streaming(t);
  const failed = assert.rejects(stream.readable.getReader().read(), { name: "SubscribeDataTrackError", reason: "disconnected" });
  await a.close();
  await failed;
});

test("an AbortSignal ends a stream with the signal's reason, and unsubscribes", async (t) => {
  const { local, remote } = await publishing(t);
  const abort = new AbortController();
  const stream = remote.subscribe({ signal: abort.signal });
  await subscribers(local, 1);
  const waiting = stream.read();
  const reason = new Error("enough");
  abort.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  assert.deepEqual([stream.endReason, await stream.read()], ["aborted", null]);
  await subscribers(local, 0);
});

test("a signal that was aborted before leads to no subscription, and one that comes after the end to nothing", async (t) => {
  const { b, toB, local, remote } = await publishing(t);
  const early = remote.subscribe({ signal: AbortSignal.abort() });
  await assert.rejects(early.read(), { name: "AbortError" });
  assert.equal(await early.read(), null);
  const abort = new AbortController();
  const stream = remote.subscribe({ signal: abort.signal });
  stream.close();
  abort.abort();
  assert.deepEqual([stream.endReason, await stream.read()], ["closed", null]);
  await caughtUp(b, toB);
  assert.equal(local.stats.subscribers, 0);
});

test("await using closes a stream at the end of its block", async (t) => {
  const { local, stream } = await streaming(t);
  await stream[Symbol.asyncDispose]();
  await stream[Symbol.asyncDispose]();
  await subscribers(local, 0);
  assert.equal(stream.endReason, "closed");
});

test("handlers and readers may call anything: publish, subscribe, push, close and unpublish from within", async (t) => {
  const { a, toA, toB, local, remote, stream } = await streaming(t);
  const echoed = [];
  toA.on("data-track-published", async ({ track }) => {
    for await (const frame of track.subscribe()) echoed.push(`${track.info.name}: ${textOf(frame)}`);
  });
  toA.on("data-track-published", () => { throw new Error("a handler that throws disturbs nobody"); });
  toB.on("data-track-published", () => assert.fail("nothing is published there"));
  toA.on("data-track-unpublished", ({ track }) => {
    assert.equal(track.isPublished(), false);
    track.subscribe().close();
  });
  const second = a.publishDataTrack({ name: "second" });
  await subscribers(second, 1);
  second.tryPush({ payload: text("hello") });
  await until(() => echoed.length === 1);
  local.tryPush({ payload: bytes(0) });
  for await (const frame of stream) {
    assert.equal(frame.payload.byteLength, 0);
    await local.unpublish();
    await until(() => stream.endReason);
  }
  assert.deepEqual([echoed, remote.isPublished(), second.isPublished()], [["second: hello"], false, true]);
});
