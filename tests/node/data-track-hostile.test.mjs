// A peer that sends anything at all on the channels of data tracks: nothing breaks, hangs or grows.

import assert from "node:assert/strict";
import { collect, streaming, text, textOf } from "../support/data-tracks.mjs";
import { tapped } from "../support/tapped.mjs";
import { test } from "../support/test.mjs";
import { record, until } from "../support/wait.mjs";

/** A publisher that says what a test wants, and a reader of its track. */
const hostile = async (t) => {
  const tap = tapped();
  const all = await streaming(t, { options: { rtcPeerConnectionFactory: tap.rtcPeerConnectionFactory }, otherOptions: {} });
  const collected = collect(all.stream);
  const works = async () => {
    const { length } = collected.frames;
    all.local.tryPush({ payload: text("honest") });
    await until(() => collected.frames.length > length, "an honest frame");
    assert.equal(textOf(collected.frames.at(-1)), "honest");
  };
  await works();
  return { ...all, collected, works, frames: tap.channels.at(-1), control: tap.controls.at(-1), packet: tap.packets.at(-1) };
};

test("what is no packet does nothing: texts, numbers of bytes as texts, nothing at all, packets cut anywhere", async (t) => {
  const { frames, works, packet, remote } = await hostile(t);
  const { arrayBuffers } = process.memoryUsage();
  for (const data of ["", "hello", "2000000000", "4000000000", "1e9"]) for (let n = 0; n < 20; n += 1) frames.send(data);
  for (let length = 0; length < packet.length; length += 1) frames.send(packet.subarray(0, length));
  for (let n = 0; n < 256; n += 1) frames.send(Uint8Array.from({ length: n }, (_, at) => (at * n) & 255));
  await works();
  assert.ok(process.memoryUsage().arrayBuffers < arrayBuffers + 10_000_000);
  assert.equal(remote.isPublished(), true);
});

test("beginnings of frames without end are not kept, and are counted when they are given up", async (t) => {
  const { frames, works, packet, remote } = await hostile(t);
  const begin = (number) => {
    const first = new Uint8Array(16_000);
    first.set(packet.subarray(0, 12));
    new DataView(first.buffer).setUint32(4, number);
    new DataView(first.buffer).setUint16(10, 50);
    return first;
  };
  const { rss } = process.memoryUsage();
  for (let number = 100; number < 2_100; number += 1) frames.send(begin(number));
  await until(() => remote.stats.framesIncomplete > 500);
  assert.ok(process.memoryUsage().rss < rss + 150_000_000);
  // Frames are still taken, though those before have higher numbers: none of them was whole.
  await works();
});

test("control messages of every kind do nothing: no JSON, bytes, too long, of unknown types, with wrong fields", async (t) => {
  const { control, works, toA, remote, stream } = await hostile(t);
  const events = ["data-track-published", "data-track-unpublished"].map((name) => record(toA, name));
  const odd = [undefined, null, -1, 65_536, 1.5, "1", "", "x".repeat(257), [], {}, true];
  const types = ["hello", "published", "unpublished", "subscribe", "unsubscribe", "subscribed", "refused", "dance", 5];
  for (const value of odd) {
    for (const type of types) control.send(JSON.stringify({ type, handle: value, name: value, epoch: value, maxMessageSize: value, handles: value }));
  }
  for (const data of ["", "{", "null", "5", "\"hello\"", "[]", "x".repeat(100_000), new Uint8Array(10)]) control.send(data);
  // The last is understood, and says that all before was read.
  control.send(JSON.stringify({ type: "published", handle: 9, name: "last" }));
  await events[0].reach(1);
  assert.deepEqual(events.map(({ payloads }) => payloads.map(({ track }) => track.info.name)), [["last"], []]);
  await works();
  assert.deepEqual([remote.isPublished(), stream.endReason], [true, undefined]);
});

test("no more tracks are known of one publisher than may be published", async (t) => {
  const { control, toA, works } = await hostile(t);
  for (let handle = 100; handle < 1_000; handle += 1) control.send(JSON.stringify({ type: "published", handle, name: `track ${handle}` }));
  control.send(JSON.stringify({ type: "unpublished", handle: 100 }));
  await until(() => toA.dataTracks.size > 200 && !toA.dataTracks.has("track 100"));
  assert.equal(toA.dataTracks.size, 255);
  await works();
});
