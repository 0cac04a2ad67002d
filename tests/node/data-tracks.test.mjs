// Data tracks over real connections: what is published, who gets which frames, and what is refused.

import assert from "node:assert/strict";
import { MeteredPeer, PushFrameError, SubscribeDataTrackError } from "metered-realtime";
import { bytes, caughtUp, collect, insist, publishing, streaming, subscribers, text, textOf, trackOf } from "../support/data-tracks.mjs";
import { join, newPeer, pair, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

const PACKET = 16_000 - 12;

test("a frame arrives as it was, from none to a mebibyte, and around the length of a packet", async (t) => {
  const { local, stream } = await streaming(t);
  const { frames } = collect(stream);
  for (const length of [0, 1, PACKET - 1, PACKET, PACKET + 1, 3 * PACKET, 1024 * 1024]) {
    const payload = bytes(length, length);
    const arrived = () => frames.find((frame) => frame.payload.byteLength === length);
    await insist(local, { payload }, arrived);
    const frame = arrived();
    assert.ok(frame.payload instanceof Uint8Array && Buffer.compare(frame.payload, payload) === 0, `${length} bytes`);
    assert.deepEqual(Object.keys(frame), ["payload"]);
  }
});

test("user timestamps of 0 and of 64 ones arrive, around the length of a packet too", async (t) => {
  const { local, stream } = await streaming(t);
  for (const userTimestamp of [0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    for (const length of [0, PACKET - 8, PACKET - 7, PACKET]) {
      local.tryPush({ payload: bytes(length), userTimestamp });
      const frame = await stream.read();
      assert.deepEqual([frame.userTimestamp, frame.payload.byteLength], [userTimestamp, length]);
    }
  }
});

test("views of every kind and array buffers are taken, and what becomes of them after the push does not matter", async (t) => {
  const { a, b, toA } = await pair(t);
  await a.setDataTrackKey("key");
  await b.setDataTrackKey("key");
  for (const usesE2ee of [false, true]) {
    const local = a.publishDataTrack({ name: `encrypted: ${usesE2ee}`, usesE2ee });
    const stream = (await trackOf(toA, local.info.name)).subscribe();
    await subscribers(local, 1);
    const { buffer } = Uint8Array.of(9, 1, 2, 3, 4, 9);
    const views = [buffer.slice(1, 5), new Uint8Array(buffer.slice(0), 1, 4), new DataView(buffer.slice(0), 1, 4), Buffer.from(buffer.slice(0), 1, 4), new Int16Array(buffer.slice(1, 5))];
    for (const payload of views) {
      local.tryPush({ payload });
      new Uint8Array(payload.buffer ?? payload).fill(0);
      assert.deepEqual([...(await stream.read()).payload], [1, 2, 3, 4]);
    }
  }
});

test("frames that are pushed to several tracks in turns arrive on their own tracks, in order", async (t) => {
  const { a, toA } = await pair(t);
  const names = ["one", "two", "three"];
  const locals = names.map((name) => a.publishDataTrack({ name }));
  const tracks = await Promise.all(names.map((name) => trackOf(toA, name)));
  const collected = tracks.map((track) => collect(track.subscribe({ bufferSize: 100 })));
  await Promise.all(locals.map((local) => subscribers(local, 1)));
  for (let round = 0; round < 20; round += 1) {
    for (const [at, local] of locals.entries()) local.tryPush({ payload: text(`${names[at]} ${round} ${"x".repeat(at * 20_000)}`) });
    await Promise.all(collected.map(({ reach }) => reach(round + 1)));
  }
  for (const [at, { frames }] of collected.entries()) {
    assert.deepEqual(frames.map((frame) => textOf(frame).trim().split(" x")[0]), Array.from({ length: 20 }, (_, round) => `${names[at]} ${round}`));
  }
});

test("a remote's tracks are events and a map by name, and say who publishes them", async (t) => {
  const { a, toA } = await pair(t);
  const published = once(toA, "data-track-published");
  assert.equal(toA.dataTracks.size, 0);
  const local = a.publishDataTrack({ name: "telemetry" });
  const { track } = await published;
  assert.deepEqual([...toA.dataTracks], [["telemetry", track]]);
  assert.deepEqual([track.info, track.publisherIdentity], [local.info, a.peerId]);
  assert.match(track.info.sid, /^DTR_[0-9a-f]{32}_\d+$/);
  assert.deepEqual(track.toJSON(), { ...local.info, publisherIdentity: a.peerId, isPublished: true });
  assert.deepEqual(local.toJSON(), { sid: local.info.sid, name: "telemetry", usesE2ee: false, isPublished: true });
  assert.throws(() => { track.info.name = "other"; }, TypeError);

  toA.dataTracks.clear();
  assert.equal(toA.dataTracks.size, 1, "the map is a copy");
  const unpublished = once(toA, "data-track-unpublished");
  await local.unpublish();
  await local.unpublish();
  assert.equal((await unpublished).track, track);
  assert.deepEqual([toA.dataTracks.size, track.isPublished(), local.isPublished()], [0, false, false]);
});

test("who comes late learns what is published, before and after it joined, and gets what is pushed then", async (t) => {
  const early = await newPeer(t);
  const local = early.publishDataTrack({ name: "before the room" });
  assert.ok(local.isPublished());
  assert.throws(() => local.tryPush({ payload: bytes(1) }), { name: "PushFrameError", reason: "not_connected" });
  const channel = `test-${crypto.randomUUID()}`;
  await early.join(channel);
  local.tryPush({ payload: text("to nobody") });
  const late = await join(t, channel);
  const toEarly = await remoteOf(late, early.peerId);
  const stream = (await trackOf(toEarly, "before the room")).subscribe();
  await subscribers(local, 1);
  local.tryPush({ payload: text("to the late one") });
  assert.equal(textOf(await stream.read()), "to the late one");

  const second = early.publishDataTrack({ name: "in the room" });
  const another = (await trackOf(toEarly, "in the room")).subscribe();
  await subscribers(second, 1);
  second.tryPush({ payload: text("second") });
  assert.equal(textOf(await another.read()), "second");
});

test("without a subscriber no frame is sent, and with one that subscribes and unsubscribes only what is between", async (t) => {
  const { local, remote } = await publishing(t);
  local.tryPush({ payload: text("before") });
  const stream = remote.subscribe();
  await subscribers(local, 1);
  local.tryPush({ payload: text("between") });
  assert.equal(textOf(await stream.read()), "between");
  stream.close();
  await subscribers(local, 0);
  local.tryPush({ payload: text("after") });
  await settle();
  assert.deepEqual(local.stats, { framesPushed: 3, framesSent: 1, framesDropped: 0, subscribers: 0 });
  assert.equal(remote.stats.framesReceived, 1);
});

test("the last of a track's streams that is closed gives the track up, in whatever way it is closed", async (t) => {
  const { local, remote } = await publishing(t);
  const leaveLoop = async (stream) => {
    for await (const frame of stream) if (frame) break;
  };
  const ways = [
    (stream) => stream.close(),
    (stream) => stream.return(),
    (stream) => stream[Symbol.asyncDispose](),
    (stream) => stream.readable.cancel(),
    leaveLoop,
  ];
  for (const end of ways) {
    const [first, last] = [remote.subscribe(), remote.subscribe()];
    await subscribers(local, 1);
    first.close();
    local.tryPush({ payload: text("for the last") });
    const ended = end(last);
    await subscribers(local, 0);
    await ended;
    assert.deepEqual([last.endReason, await last.read(), await last.next()], ["closed", null, { value: undefined, done: true }]);
  }
});

test("a track that is unpublished ends its streams in good order, and its name is free for another", async (t) => {
  const { a, toA, local, remote, stream } = await streaming(t);
  const collected = collect(stream);
  local.tryPush({ payload: text("one") });
  await collected.reach(1);
  await local.unpublish();
  await collected.end;
  assert.deepEqual([stream.endReason, collected.failure, await stream.read()], ["unpublished", undefined, null]);
  assert.throws(() => local.tryPush({ payload: bytes(1) }), { name: "PushFrameError", reason: "unpublished" });
  assert.deepEqual([local.stats, remote.stats.framesReceived], [{ framesPushed: 1, framesSent: 1, framesDropped: 0, subscribers: 0 }, 1]);

  const again = a.publishDataTrack({ name: "telemetry" });
  const track = await trackOf(toA);
  assert.notEqual(again.info.sid, local.info.sid);
  assert.notEqual(track, remote);
  await assert.rejects(remote.subscribe().read(), (error) => {
    assert.ok(error instanceof SubscribeDataTrackError && error instanceof Error);
    assert.deepEqual([error.name, error.code, error.reason], ["SubscribeDataTrackError", "subscribe_data_track", "unpublished"]);
    return true;
  });
});

test("a publisher that leaves ends its streams with an error, once, and only then", async (t) => {
  const { a, b, toA, remote, stream } = await streaming(t);
  const events = [];
  toA.on("data-track-unpublished", ({ track }) => events.push(`unpublished ${track.info.name}`));
  b.on("peer-left", () => events.push("left"));
  const failed = assert.rejects(stream.read(), { name: "SubscribeDataTrackError", reason: "disconnected" });
  await a.close();
  await failed;
  assert.deepEqual([stream.endReason, await stream.read(), await stream.next()], ["disconnected", null, { value: undefined, done: true }]);
  await remote.subscribe().read().then(assert.fail, ({ reason }) => assert.equal(reason, "unpublished"));
  assert.deepEqual([events, toA.dataTracks.size, remote.isPublished()], [["unpublished telemetry", "left"], 0, false]);
});

test("a reader that leaves the room ends its own streams, and the publisher's count of it", async (t) => {
  const { b, local, stream } = await streaming(t);
  const failed = assert.rejects(stream.read(), { name: "SubscribeDataTrackError", reason: "disconnected" });
  await b.close();
  await failed;
  await subscribers(local, 0);
  local.tryPush({ payload: bytes(1) });
});

test("a room that is left publishes nothing any more", async (t) => {
  const { a, local } = await publishing(t);
  await a.close();
  assert.equal(local.isPublished(), false);
  assert.throws(() => local.tryPush({ payload: bytes(1) }), { name: "PushFrameError", reason: "unpublished" });
  assert.throws(() => a.publishDataTrack({ name: "late" }), { name: "MeteredPeerStateError", code: "invalid_state", method: "publishDataTrack", currentState: "closed" });
});

test("what cannot be published is refused at the call, by an error that names the argument", () => {
  const peer = new MeteredPeer({ apiKey: "k" });
  const refused = (options, named) => assert.throws(() => peer.publishDataTrack(options), (error) => error instanceof TypeError && error.message.includes(`\`${named}\``));
  for (const options of [undefined, null, {}, { name: undefined }, { name: "" }, { name: 5 }, { name: {} }, { name: "x".repeat(257) }, { name: "🌱".repeat(129) }]) refused(options, "name");
  for (const usesE2ee of [1, "yes", {}]) refused({ name: "a", usesE2ee }, "usesE2ee");
  peer.publishDataTrack({ name: "x".repeat(256) });
  refused({ name: "x".repeat(256) }, "name");
  for (let n = 1; n < 256; n += 1) peer.publishDataTrack({ name: `${n}` });
  refused({ name: "one more" }, "name");
});

test("what is no frame is refused at the call, whether anybody has subscribed or not", async (t) => {
  const { local } = await streaming(t);
  const refused = (frame, named) => assert.throws(() => local.tryPush(frame), (error) => error instanceof TypeError && error.message.includes(`\`${named}\``));
  for (const payload of [undefined, null, "text", 5, {}, [1, 2]]) refused({ payload }, "payload");
  for (const frame of [undefined, null, bytes(1)]) refused(frame, "payload");
  for (const userTimestamp of [0, "1", -1n, 2n ** 64n, null, {}]) refused({ payload: bytes(1), userTimestamp }, "userTimestamp");
  assert.throws(() => local.tryPush({ payload: bytes(1024 * 1024 + 1) }), (error) => {
    assert.ok(error instanceof PushFrameError && error instanceof Error);
    assert.deepEqual([error.name, error.code, error.reason], ["PushFrameError", "push_frame", "too_large"]);
    return true;
  });
  assert.equal(local.stats.framesPushed, 0);
});

test("what cannot be subscribed with is refused at the call", async (t) => {
  const { b, toB, local, remote } = await publishing(t);
  for (const bufferSize of [-1, "1", NaN, {}]) assert.throws(() => remote.subscribe({ bufferSize }), (error) => error instanceof TypeError && error.message.includes("`bufferSize`"));
  for (const signal of ["abort", {}]) assert.throws(() => remote.subscribe({ signal }), (error) => error instanceof TypeError && error.message.includes("`signal`"));
  await caughtUp(b, toB);
  assert.equal(local.stats.subscribers, 0);
});

test("the channels of data tracks are no news to anybody, and are not there before something is published", async (t) => {
  const { a, toA, toB } = await pair(t);
  const heard = [toA, toB].flatMap((remote) => ["data-channel", "track", "negotiation-error"].map((name) => record(remote, name).payloads));
  assert.deepEqual([toA.state, toB.state], ["idle", "idle"]);
  const local = a.publishDataTrack({ name: "telemetry" });
  const stream = (await trackOf(toA)).subscribe();
  await subscribers(local, 1);
  local.tryPush({ payload: text("frame") });
  await stream.read();
  assert.deepEqual(heard.flat(), []);
  assert.equal(a.getTrackMetadata({ id: "metered:data-tracks", kind: "data" }), undefined);
});
