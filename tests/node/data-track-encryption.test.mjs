// Encrypted data tracks: who has the key reads, who has it not is told so, and what was tampered with is dropped.

import assert from "node:assert/strict";
import { MeteredPeer } from "metered-realtime";
import { bytes, collect, insist, subscribers, text, textOf, trackOf } from "../support/data-tracks.mjs";
import { pair } from "../support/room.mjs";
import { tapped } from "../support/tapped.mjs";
import { test } from "../support/test.mjs";
import { record, until } from "../support/wait.mjs";

const SECRET = "a text that nobody else may read";

/** A publisher with a key, its encrypted track, and a reader; `tap` has what goes over the frames channel. */
const secret = async (t, { readerKey, usesE2ee = true } = {}) => {
  const tap = tapped();
  const { rtcPeerConnectionFactory } = tap;
  const peers = await pair(t, { rtcPeerConnectionFactory }, {});
  await peers.a.setDataTrackKey("key of the room");
  if (readerKey !== undefined) await peers.b.setDataTrackKey(readerKey);
  const local = peers.a.publishDataTrack({ name: "telemetry", usesE2ee });
  const remote = await trackOf(peers.toA);
  const stream = remote.subscribe();
  await subscribers(local, 1);
  return { ...peers, tap, local, remote, stream, errors: record(peers.toA, "data-track-error") };
};

test("with the key of the room frames of every length arrive, timestamps too, and the network sees none of it", async (t) => {
  const { local, remote, stream, tap } = await secret(t, { readerKey: "key of the room" });
  assert.deepEqual([local.info.usesE2ee, remote.info.usesE2ee], [true, true]);
  const { frames } = collect(stream);
  for (const length of [0, 1, 15_988, 100_000, 1024 * 1024]) {
    const payload = bytes(length);
    const arrived = () => frames.find((frame) => frame.payload.byteLength === length);
    await insist(local, { payload, userTimestamp: 7n }, arrived);
    const frame = arrived();
    assert.ok(Buffer.compare(frame.payload, payload) === 0 && frame.userTimestamp === 7n, `${length} bytes`);
    assert.deepEqual(Object.keys(frame).sort(), ["payload", "userTimestamp"]);
  }
  await insist(local, { payload: text(SECRET) }, () => frames.some((frame) => textOf(frame) === SECRET));
  assert.ok(tap.packets.every((packet) => !Buffer.from(packet).includes(SECRET) && (packet[0] & 2) === 2));
  assert.equal(remote.stats.framesUndecryptable, 0);
});

test("an encrypted track needs a key, and a key is checked at the call", async (t) => {
  const peer = new MeteredPeer({ apiKey: "k" });
  t.after(() => peer.close());
  assert.throws(() => peer.publishDataTrack({ name: "secret", usesE2ee: true }), { name: "InvalidStateError", message: /setDataTrackKey/ });
  const refused = (promise, named) => assert.rejects(promise, (error) => error instanceof TypeError && error.message.includes(`\`${named}\``));
  for (const key of [undefined, null, "", 5, {}, new Uint8Array(0), new ArrayBuffer(0)]) await refused(peer.setDataTrackKey(key), "key");
  for (const keyId of [-1, 256, 0.5, "1", NaN]) await refused(peer.setDataTrackKey("k", { keyId }), "keyId");
  await peer.setDataTrackKey(new Uint8Array(32), { keyId: 255 });
  const track = peer.publishDataTrack({ name: "secret", usesE2ee: true });
  assert.equal(track.info.usesE2ee, true, "the name was not taken by what failed");
});

for (const [who, readerKey] of [["without a key", undefined], ["with another key", "another key"]]) {
  test(`a reader ${who} gets no frame, counts each, and is told of each`, async (t) => {
    const { local, remote, stream, errors, b } = await secret(t, { readerKey });
    const collected = collect(stream);
    for (let n = 1; n <= 3; n += 1) {
      local.tryPush({ payload: text(SECRET) });
      await errors.reach(n);
    }
    assert.deepEqual([collected.frames.length, remote.stats.framesReceived, remote.stats.framesUndecryptable], [0, 3, 3]);
    for (const { track, err } of errors.payloads) assert.ok(track === remote && err instanceof Error && !String(err.stack).includes("key of"));
    await b.setDataTrackKey("key of the room");
    local.tryPush({ payload: text("now it can be read") });
    await collected.reach(1);
    assert.equal(textOf(collected.frames[0]), "now it can be read");
    assert.equal(stream.endReason, undefined);
  });
}

test("a key that is rotated takes over in the middle of a stream, whoever has it first", async (t) => {
  const { a, b, local, stream, errors, tap } = await secret(t, { readerKey: "key of the room" });
  const exchange = async (said, keyId) => {
    local.tryPush({ payload: text(said) });
    assert.equal(textOf(await stream.read()), said);
    assert.equal(tap.packets.at(-1)[1], keyId);
  };
  await exchange("with the first", 0);
  // The reader first.
  await b.setDataTrackKey("second", { keyId: 1 });
  await exchange("still with the first", 0);
  await a.setDataTrackKey("second", { keyId: 1 });
  await exchange("with the second", 1);
  // The publisher first.
  await a.setDataTrackKey(bytes(32), { keyId: 255 });
  local.tryPush({ payload: text("too early") });
  const late = stream.read();
  await errors.reach(1);
  await b.setDataTrackKey(bytes(32).buffer, { keyId: 255 });
  local.tryPush({ payload: text("with the third") });
  assert.equal(textOf(await late), "with the third");
  // Back to the first, and the same id with another key.
  await a.setDataTrackKey("key of the room", { keyId: 0 });
  await exchange("with the first again", 0);
  await Promise.all([a, b].map((peer) => peer.setDataTrackKey("anew")));
  await exchange("with another first", 0);
});

test("a frame of one track cannot be passed off as one of another, though both have the room's key", async (t) => {
  const { a, toA, tap, local, remote, stream, errors } = await secret(t, { readerKey: "key of the room" });
  const other = a.publishDataTrack({ name: "other", usesE2ee: true });
  const others = (await trackOf(toA, "other")).subscribe();
  await subscribers(other, 1);
  const handleOf = async (track, reader) => {
    track.tryPush({ payload: text("honest") });
    assert.equal(textOf(await reader.read()), "honest");
    return tap.packets.at(-1).subarray(2, 4);
  };
  const [handle, otherHandle] = [await handleOf(local, stream), await handleOf(other, others)];
  assert.notDeepEqual(handle, otherHandle);
  tap.send = (packet) => {
    packet.set(handle, 2);
    return [packet];
  };
  const waiting = stream.read();
  // The first has a number that the track has had already.
  for (let n = 0; n < 2; n += 1) other.tryPush({ payload: text(SECRET) });
  await errors.reach(1);
  assert.equal(errors.payloads[0].track, remote);
  tap.send = (packet) => [packet];
  for (let n = 0; n < 3; n += 1) local.tryPush({ payload: text("honest") });
  assert.equal(textOf(await waiting), "honest");
});

/** Where a packet is altered, byte by byte of the header and beyond. */
const FORGERIES = [
  ["the key's id", (packet) => { packet[1] ^= 1; }],
  ["the frame's number", (packet) => { packet[7] += 1; }],
  ["the timestamp", (packet) => { packet[12] ^= 1; }],
  ["the timestamp's being there", (packet) => { packet[0] ^= 1; }],
  ["the first byte of the payload", (packet) => { packet[20] ^= 1; }],
  ["the last byte of the tag", (packet) => { packet[packet.length - 1] ^= 1; }],
  ["its end, which is cut off", (packet) => packet.subarray(0, -1)],
  ["everything but the header", (packet) => packet.subarray(0, 20)],
];

test("a frame of which anything was altered on the way is dropped, counted and told, and the next one arrives", async (t) => {
  const { local, remote, stream, errors, tap } = await secret(t, { readerKey: "key of the room" });
  const collected = collect(stream);
  for (const [at, [what, forge]] of FORGERIES.entries()) {
    tap.send = (packet) => [forge(packet) ?? packet];
    local.tryPush({ payload: text(SECRET), userTimestamp: 5n });
    await until(() => errors.payloads.length === at + 1, what);
    assert.equal(remote.stats.framesUndecryptable, at + 1, what);
    tap.send = (packet) => [packet];
    const honest = async () => {
      const { packetsLate } = remote.stats;
      local.tryPush({ payload: text(SECRET) });
      await until(() => collected.frames.length > at || remote.stats.packetsLate > packetsLate, what);
    };
    await honest();
    // The forged number was the honest one's.
    if (collected.frames.length === at) await honest();
    assert.equal(collected.frames.length, at + 1, what);
  }
  assert.ok(collected.frames.every((frame) => textOf(frame) === SECRET));
  assert.equal(errors.payloads.length, FORGERIES.length);
});

test("a packet that comes again is late, and its frame is read once", async (t) => {
  const { local, remote, stream, tap } = await secret(t, { readerKey: "key of the room" });
  const collected = collect(stream);
  tap.send = (packet) => [packet, packet, packet];
  for (const said of ["one", "two"]) {
    local.tryPush({ payload: text(said) });
    await until(() => remote.stats.packetsLate % 2 === 0 && remote.stats.packetsLate > 0 && collected.frames.some((frame) => textOf(frame) === said));
  }
  await until(() => remote.stats.packetsLate === 4);
  const [first] = tap.packets;
  tap.channels.at(-1).send(first);
  await until(() => remote.stats.packetsLate === 5);
  assert.deepEqual([collected.frames.map(textOf), remote.stats.framesUndecryptable], [["one", "two"], 0]);
});

test("a frame that is not encrypted, on a track that is, is dropped, counted and told; as is the reverse", async (t) => {
  for (const usesE2ee of [true, false]) {
    const { local, remote, stream, errors, tap } = await secret(t, { readerKey: "key of the room", usesE2ee });
    const collected = collect(stream);
    tap.send = (packet) => {
      packet[0] ^= 2;
      return [packet];
    };
    local.tryPush({ payload: text(SECRET) });
    await errors.reach(1);
    assert.equal(errors.payloads[0].err.name, "DataError");
    tap.send = (packet) => [packet];
    local.tryPush({ payload: text("honest") });
    await collected.reach(1);
    assert.deepEqual([collected.frames.map(textOf), remote.stats.framesUndecryptable], [["honest"], 1]);
  }
});

test("an encrypted track that is pushed to faster than it can be encrypted says so, and sends in order what it took", async (t) => {
  const { local, remote, stream } = await secret(t, { readerKey: "key of the room" });
  const collected = collect(stream);
  let pushed = 0;
  for (let round = 1; round <= 20; round += 1) {
    assert.throws(() => {
      // Long ones take longer than those that come after them.
      for (;; pushed += 1) local.tryPush({ payload: bytes(pushed % 4 === 0 ? 15_000 : 1), userTimestamp: BigInt(pushed) });
    }, { name: "PushFrameError", reason: "too_fast" });
    assert.equal(pushed, round * 16);
    await until(() => local.stats.framesSent + local.stats.framesDropped === pushed);
    await collected.reach(local.stats.framesSent);
  }
  assert.deepEqual([remote.stats.packetsLate, remote.stats.framesUndecryptable, local.stats.framesPushed], [0, 0, pushed]);
  assert.ok(collected.frames.some(({ userTimestamp }) => userTimestamp === BigInt(pushed - 1)), "the latest is among them");
});

test("a track that is unpublished while its frames are encrypted sends none of them, and no error", async (t) => {
  const { a, local, remote, tap } = await secret(t, { readerKey: "key of the room" });
  const failed = record(a, "error");
  for (let n = 0; n < 10; n += 1) local.tryPush({ payload: bytes(1000) });
  await local.unpublish();
  await until(() => !remote.isPublished());
  assert.deepEqual([failed.payloads, tap.packets], [[], []]);
});
