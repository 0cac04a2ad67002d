// Backpressure on a real connection of a library that never fires `bufferedamountlow`. It buffers the first one or
// two MiB below `bufferedAmount`, so that it takes more than that for anything to wait.

import assert from "node:assert/strict";
import { DataChannelOverflowError } from "metered-realtime";
import { openChannel, pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { record, until } from "../support/wait.mjs";

const KIB = 1024;

/** As many payloads of 250 KiB, numbered and made beforehand: what is sent in a tight loop cannot drain meanwhile. */
const payloads = (count) => Array.from({ length: count }, (_, i) => {
  const payload = new Uint8Array(250 * KIB);
  new DataView(payload.buffer).setUint32(0, i);
  return payload;
});

const number = ({ data }) => new DataView(data).getUint32(0);

test("sends beyond the high-water mark wait, resume and arrive complete and in order", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { options: { maxBufferedAmount: 512 * KIB } });
  const received = record(theirs, "message");
  const count = 100;
  let taken = 0;
  let most = 0;
  const sends = payloads(count).map((payload) => {
    const send = ours.send(payload).then(() => { taken += 1; });
    most = Math.max(most, ours.bufferedAmount);
    return send;
  });
  await Promise.resolve();
  await Promise.resolve();
  assert.ok(taken < count, "nothing had to wait: the test shows nothing");
  assert.ok(most <= 512 * KIB, `${most} bytes were buffered`);
  await Promise.all(sends);
  await received.reach(count);
  assert.deepEqual(received.payloads.map(number), Array.from({ length: count }, (_, i) => i));
  assert.ok(received.payloads.every(({ data }) => data.byteLength === 250 * KIB));
});

test("with no queue allowed, a send that would have to wait is refused, and the channel goes on", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { options: { maxBufferedAmount: 256 * KIB, maxQueuedSends: 0 } });
  const received = record(theirs, "message");
  const outcomes = await Promise.allSettled(payloads(100).map((payload) => ours.send(payload)));
  const refused = outcomes.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0, "nothing was refused: the test shows nothing");
  assert.ok(refused.every(({ reason }) => reason instanceof DataChannelOverflowError && reason.cap === 0));

  await until(() => ours.bufferedAmount === 0);
  const [last] = payloads(1);
  await ours.send(last);
  const sent = [...outcomes.keys()].filter((i) => outcomes[i].status === "fulfilled");
  await received.reach(sent.length + 1);
  assert.deepEqual(received.payloads.map(number), [...sent, 0]);
});

test("a payload larger than the high-water mark gets through", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { options: { maxBufferedAmount: 16 * KIB } });
  const received = record(theirs, "message");
  await ours.send("a");
  await ours.send(new Uint8Array(200 * KIB));
  await ours.send("b");
  await received.reach(3);
  assert.equal(received.payloads[1].data.byteLength, 200 * KIB);
});

test("closing while sends wait rejects every one of them", async (t) => {
  const { toA, toB } = await pair(t);
  const { ours } = await openChannel(toB, toA, { options: { maxBufferedAmount: 256 * KIB } });
  const sends = payloads(100).map((payload) => ours.send(payload));
  ours.close();
  const results = await Promise.allSettled(sends);
  const rejected = results.filter(({ status }) => status === "rejected");
  assert.ok(rejected.length > 30, `${rejected.length} of 100 waited`);
  assert.ok(rejected.every(({ reason }) => reason.name === "InvalidStateError"));
});
