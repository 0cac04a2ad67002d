// What can be sent on a DataChannel, when, and what becomes of it, on a channel that a test controls; at the end, what
// two real connections say about how long a message may be.

import assert from "node:assert/strict";
import wrtc from "@roamhq/wrtc";
import { DataChannel, DataChannelOverflowError, DataChannelOversizedError } from "metered-realtime";
import { FakeChannel } from "../support/fakes.mjs";
import { openChannel, pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

/** An open channel with room for 100 bytes, and what wraps it. */
const open = (options, raw = new FakeChannel()) => {
  raw.open();
  const dc = new DataChannel(raw, { maxBufferedAmount: 100, bufferedAmountLowThreshold: 50, maxQueuedSends: 3, ...options });
  return { raw, dc };
};

/** A channel of a platform that says when its buffer is low. */
class SpeakingChannel extends FakeChannel {
  onbufferedamountlow = null;
}

const drain = (raw) => {
  raw.bufferedAmount = 0;
  raw.dispatch("bufferedamountlow");
};

const oversized = (size, cap) => (error) => {
  assert.ok(error instanceof DataChannelOversizedError && error instanceof Error);
  assert.deepEqual(
    [error.name, error.code, error.size, error.cap],
    ["DataChannelOversizedError", "oversized_payload", size, cap],
  );
  return true;
};

/** A Blob of which a test says when it is read. */
const slowBlob = (text) => {
  const blob = new Blob([text]);
  const read = blob.arrayBuffer.bind(blob);
  const turns = {};
  const turn = new Promise((finish, fail) => Object.assign(turns, { finish, fail }));
  blob.arrayBuffer = () => turn.then(read);
  return { blob, ...turns };
};

const asText = (data) => (typeof data === "string" ? data : Buffer.from(data).toString());

test("trySend sends where there is room and answers false where it would have to wait, which changes nothing", async () => {
  const { raw, dc } = open();
  assert.equal(dc.trySend("a"), true);
  raw.bufferedAmount = 100;
  assert.equal(dc.trySend("b"), false);
  const waiting = dc.send("c");
  raw.bufferedAmount = 60;
  assert.equal(dc.trySend("d"), false, "it overtakes nothing");
  drain(raw);
  await waiting;
  assert.equal(dc.trySend("e"), true);
  assert.deepEqual(raw.sent, ["a", "c", "e"]);
});

test("trySend answers false also where not even a wait would be allowed", () => {
  const { raw, dc } = open({ maxQueuedSends: 0 });
  raw.bufferedAmount = 100;
  assert.equal(dc.trySend("a"), false);
});

test("trySend throws what send rejects with", () => {
  const { raw, dc } = open({ maxMessageSize: 10 });
  assert.throws(() => dc.trySend(5), { name: "TypeError", message: /`data`/ });
  assert.throws(() => dc.trySend(new Blob(["x"])), { name: "TypeError", message: /`data`/ });
  assert.throws(() => dc.trySend("x".repeat(11)), oversized(11, 10));
  raw.send = () => { throw new RangeError("native"); };
  assert.throws(() => dc.trySend("x"), RangeError);
  dc.close();
  assert.throws(() => dc.trySend("x"), { name: "InvalidStateError" });
  assert.throws(() => new DataChannel(new FakeChannel()).trySend("x"), { name: "InvalidStateError" });
});

test("bytes that wait are those of the call, whatever becomes of them meanwhile", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 100;
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const sends = [dc.send(bytes.buffer), dc.send(bytes.subarray(1, 3)), dc.send(new DataView(bytes.buffer, 3))];
  bytes.fill(9);
  drain(raw);
  await Promise.all(sends);
  assert.deepEqual(raw.sent.map((data) => [...new Uint8Array(data.buffer ?? data)]), [[1, 2, 3, 4], [2, 3], [4]]);
});

test("bytes that go out at once are not copied", async () => {
  const { raw, dc } = open();
  const bytes = new Uint8Array([1]);
  await dc.send(bytes);
  assert.equal(raw.sent[0], bytes);
});

test("a Blob is read first, and what is sent after it stays behind it", async () => {
  const { raw, dc } = open();
  const { blob, finish } = slowBlob("blob");
  const sends = [dc.send("a"), dc.send(blob), dc.send("c")];
  assert.equal(dc.trySend("d"), false);
  await settle();
  assert.deepEqual(raw.sent, ["a"]);
  finish();
  await Promise.all(sends);
  assert.deepEqual(raw.sent.map(asText), ["a", "blob", "c"]);
});

test("Blobs keep their order, whichever is read first", async () => {
  const { raw, dc } = open();
  const [one, two] = [slowBlob("1"), slowBlob("2")];
  const sends = [dc.send(one.blob), dc.send(two.blob)];
  two.finish();
  await settle();
  assert.deepEqual(raw.sent, []);
  one.finish();
  await Promise.all(sends);
  assert.deepEqual(raw.sent.map(asText), ["1", "2"]);
});

test("a Blob that cannot be read rejects its own send with the reason, and lets the others go", async () => {
  const { raw, dc } = open();
  const { blob, fail } = slowBlob("never");
  const refused = assert.rejects(dc.send(blob), { message: "unreadable" });
  const next = dc.send("next");
  fail(new Error("unreadable"));
  await Promise.all([refused, next]);
  const undefinedReason = slowBlob("never");
  const second = assert.rejects(dc.send(undefinedReason.blob), (reason) => reason === undefined);
  undefinedReason.fail(undefined);
  await second;
  assert.deepEqual(raw.sent, ["next"]);
});

test("Blobs that are read count among those that wait, and wait for the buffer too", async () => {
  const { raw, dc } = open({ maxQueuedSends: 1 });
  const { blob, finish } = slowBlob("b".repeat(60));
  const sent = dc.send(blob);
  await assert.rejects(dc.send("x"), DataChannelOverflowError);
  raw.bufferedAmount = 60;
  finish();
  await settle();
  assert.deepEqual(raw.sent, []);
  drain(raw);
  await sent;
  assert.equal(raw.sent[0].byteLength, 60);
});

test("closing rejects a send whose Blob is still being read, and nothing is sent later", async () => {
  const { raw, dc } = open();
  const { blob, finish } = slowBlob("late");
  const refused = assert.rejects(dc.send(blob), { name: "InvalidStateError" });
  dc.close();
  await refused;
  finish();
  await settle();
  assert.deepEqual(raw.sent, []);
});

test("a payload longer than maxMessageSize is refused at once, full or not, and harms nothing", async () => {
  const { raw, dc } = open({ maxMessageSize: 20 });
  assert.equal(dc.maxMessageSize, 20);
  raw.bufferedAmount = 100;
  const waiting = dc.send("fits");
  await assert.rejects(dc.send(new ArrayBuffer(21)), oversized(21, 20));
  await assert.rejects(dc.send("é".repeat(11)), oversized(22, 20));
  await assert.rejects(dc.send(new Blob(["x".repeat(21)])), oversized(21, 20));
  drain(raw);
  await waiting;
  await dc.send("é".repeat(10));
  assert.deepEqual(raw.sent, ["fits", "é".repeat(10)]);
});

test("a Blob that turns out longer than it said is refused then", async () => {
  const { raw, dc } = open({ maxMessageSize: 20 });
  await assert.rejects(dc.send({ size: 1, arrayBuffer: async () => new ArrayBuffer(21) }), oversized(21, 20));
  assert.deepEqual(raw.sent, []);
});

test("texts are counted in UTF-8 where it matters, and their characters where they are", async () => {
  const { raw, dc } = open();
  raw.bufferedAmount = 1;
  // 33 characters of 3 bytes each fill it to the last byte; one of 4 bytes in two units is one too many.
  await dc.send("€".repeat(33));
  let sent = false;
  const waiting = dc.send("🎉".repeat(25)).then(() => { sent = true; });
  await settle();
  assert.deepEqual([raw.sent.length, sent], [1, false]);
  drain(raw);
  await waiting;
});

test("a channel of an unknown connection takes 256 KiB, unless the options say otherwise", async () => {
  const { raw, dc } = open({ maxBufferedAmount: undefined, bufferedAmountLowThreshold: undefined });
  assert.equal(dc.maxMessageSize, 262_144);
  await dc.send(new ArrayBuffer(262_144));
  await assert.rejects(dc.send(new ArrayBuffer(262_145)), oversized(262_145, 262_144));
  assert.equal(raw.sent.length, 1);
  assert.equal(open({ maxMessageSize: Infinity }).dc.maxMessageSize, Infinity);
});

for (const [name, bad] of [
  ["maxMessageSize", 0], ["maxMessageSize", "1"], ["maxUnreadAmount", 0], ["maxUnreadAmount", NaN], ["bufferedAmountLowThreshold", -1],
]) {
  test(`${name}: ${JSON.stringify(bad)} is refused with the option's name`, () => {
    assert.throws(() => new DataChannel(new FakeChannel(), { [name]: bad }), { name: "TypeError", message: new RegExp(`\`${name}\``) });
  });
}

test("the low-water mark can be read and moved; the queue and the native channel follow", async () => {
  const { raw, dc } = open();
  assert.equal(dc.bufferedAmountLowThreshold, 50);
  raw.bufferedAmount = 100;
  const waiting = dc.send("x");
  raw.bufferedAmount = 80;
  dc.bufferedAmountLowThreshold = 80;
  await waiting;
  assert.deepEqual([dc.bufferedAmountLowThreshold, raw.bufferedAmountLowThreshold], [80, 80]);
  for (const bad of [-1, "80", null, undefined, NaN]) {
    assert.throws(() => { dc.bufferedAmountLowThreshold = bad; }, { name: "TypeError", message: /`bufferedAmountLowThreshold`/ });
  }
  assert.equal(dc.bufferedAmountLowThreshold, 80);
});

test("where the platform never says that the buffer is low, the wrapper does, once each time", async () => {
  const { raw, dc } = open();
  const lows = record(dc, "bufferedamountlow");
  raw.bufferedAmount = 40;
  await dc.send("x".repeat(20));
  raw.bufferedAmount = 60;
  await settle();
  assert.equal(lows.payloads.length, 0);
  raw.bufferedAmount = 50;
  await lows.reach(1);
  await dc.send("small");
  raw.bufferedAmount = 100;
  const waiting = dc.send("y".repeat(51));
  raw.bufferedAmount = 0;
  await waiting;
  await lows.reach(2);
  dc.close();
  assert.equal(lows.payloads.length, 2);
});

test("where the platform does say it, its word is passed on and no other", async (t) => {
  const { raw, dc } = open({}, new SpeakingChannel());
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const lows = record(dc, "bufferedamountlow");
  await dc.send("x".repeat(60));
  t.mock.timers.tick(10_000);
  assert.equal(lows.payloads.length, 0);
  raw.dispatch("bufferedamountlow");
  assert.equal(lows.payloads.length, 1);
});

test("nobody looks at the buffer while nothing waits and nobody listens", async (t) => {
  const { raw, dc } = open();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await dc.send("x".repeat(90));
  let looks = 0;
  Object.defineProperty(raw, "bufferedAmount", { get: () => { looks += 1; return 100; } });
  t.mock.timers.tick(10_000);
  assert.equal(looks, 0);
  dc.send("y").catch(() => {});
  looks = 0;
  for (let ms = 0; ms < 640; ms += 1) t.mock.timers.tick(1);
  // Twice each time.
  assert.ok(looks >= 20 && looks <= 40, `${looks} looks within 640 ms`);
  dc.close();
  looks = 0;
  t.mock.timers.tick(10_000);
  assert.equal(looks, 0, "a closed channel is left alone");
});

test("a buffer that empties is looked at every few milliseconds, however long it takes", (t) => {
  const { raw, dc } = open();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  raw.bufferedAmount = 150;
  dc.send("y").catch(() => {});
  let sentAt;
  for (let ms = 1; sentAt === undefined && ms < 640; ms += 1) {
    raw.bufferedAmount -= 1;
    t.mock.timers.tick(1);
    if (raw.sent.length > 0) sentAt = ms;
  }
  assert.ok(sentAt >= 100 && sentAt <= 104, `sent after ${sentAt} ms, with room from 100 ms on`);
  dc.close();
});

test("what the native channel says of itself is passed on, and null is said where nothing is", () => {
  const raw = Object.assign(new FakeChannel("game"), {
    id: 7, ordered: false, protocol: "p", negotiated: true, maxPacketLifeTime: null, maxRetransmits: 3,
  });
  const said = ({ id, label, ordered, protocol, negotiated, maxPacketLifeTime, maxRetransmits }) =>
    [id, label, ordered, protocol, negotiated, maxPacketLifeTime, maxRetransmits];
  assert.deepEqual(said(new DataChannel(raw)), [7, "game", false, "p", true, null, 3]);
  // As `@roamhq/wrtc` has it, before it is open.
  Object.assign(raw, { id: -1, maxPacketLifeTime: 65_535, maxRetransmits: 65_535 });
  assert.deepEqual(said(new DataChannel(raw)), [null, "game", false, "p", true, null, null]);
  Object.assign(raw, { id: 0, maxPacketLifeTime: 65_535, maxRetransmits: null });
  assert.deepEqual(said(new DataChannel(raw)), [0, "game", false, "p", true, 65_535, null]);
});

test("events() of a channel that was closed when it was wrapped is empty", async () => {
  const raw = new FakeChannel();
  raw.readyState = "closed";
  assert.deepEqual(await new DataChannel(raw).events("message").next(), { value: undefined, done: true });
});

/** Both ends believe that the other takes `size` bytes. */
const believing = (size) => ({
  rtcPeerConnectionFactory: (config) => {
    const pc = new wrtc.RTCPeerConnection(config);
    const set = pc.setRemoteDescription.bind(pc);
    pc.setRemoteDescription = ({ type, sdp }) => set({ type, sdp: sdp.replace(/(a=max-message-size:)\d+/, `$1${size}`) });
    return pc;
  },
});

test("a channel takes what its connection's other side takes, whoever opened it", async (t) => {
  const { toA, toB } = await pair(t, believing(1000));
  const { ours, theirs } = await openChannel(toB, toA);
  const lasting = toB.openDataChannel("lasting");
  await once(lasting, "open");
  for (const dc of [ours, theirs, lasting]) {
    assert.equal(dc.maxMessageSize, 1000);
    await assert.rejects(dc.send("x".repeat(1001)), oversized(1001, 1000));
  }
  const received = record(theirs, "message");
  await ours.send("x".repeat(1000));
  await received.reach(1);
});

test("a send that waited for its channel is refused when the other side turns out not to take it", async (t) => {
  const { toA, toB } = await pair(t, believing(1000));
  const arrival = once(toA, "data-channel");
  const dc = toB.openDataChannel("chat");
  const sends = [dc.send("1"), dc.send("x".repeat(1001)), dc.send("2")];
  const refused = assert.rejects(sends[1], oversized(1001, 1000));
  await Promise.all([sends[0], refused, sends[2], arrival]);
  assert.equal(dc.readyState, "open");
});

test("a negotiated channel without an id is refused", async (t) => {
  const { toB } = await pair(t);
  for (const open of ["createDataChannel", "openDataChannel"]) {
    assert.throws(() => toB[open]("agreed", { negotiated: true }), { name: "TypeError", message: /`id`/ });
  }
});
