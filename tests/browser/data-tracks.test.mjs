// Data tracks between pages in Chromium, each with a context of its own, and between a page and Node.

import assert from "node:assert/strict";
import { bytes, collect, insist, subscribers, trackOf } from "../support/data-tracks.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

/** A page that is in a room as `window.peer`, and has the tests' helpers for data tracks as `window.helpers`. */
const enter = async (t, channel, key) => {
  const page = await pages.open(t);
  await page.evaluate(async ([channel, key]) => {
    const { access } = await import("/tests/support/server.mjs");
    window.helpers = { ...await import("/tests/support/data-tracks.mjs"), ...await import("/tests/support/room.mjs"), ...await import("/tests/support/wait.mjs") };
    window.peer = new window.realtime.MeteredPeer(await access());
    if (key) await window.peer.setDataTrackKey(key);
    await window.peer.join(channel);
  }, [channel, key]);
  return page;
};

const idOf = (page) => page.evaluate(() => window.peer.peerId);

/** Publishes in a page, as `window.local`. */
const publish = (page, options = {}) => page.evaluate((options) => {
  window.local = window.peer.publishDataTrack({ name: "telemetry", ...options });
}, options);

/** Reads in a page what a peer publishes, as `window.stream` of `window.track`. */
const subscribe = (page, publisher, options) => page.evaluate(async ([publisher, options]) => {
  const { remoteOf, trackOf } = window.helpers;
  window.track = await trackOf(await remoteOf(window.peer, publisher));
  window.stream = window.track.subscribe(options);
}, [publisher, options]);

const hasSubscribers = (page, count) => page.evaluate((count) => window.helpers.subscribers(window.local, count), count);

/** Reads a stream in a page for good, into `window.frames`. */
const collecting = (page) => page.evaluate(() => {
  window.frames = window.helpers.collect(window.stream).frames;
});

/** Whether a page has got this frame, as it was. */
const got = (page, length, timestamp) => page.evaluate(([length, timestamp]) => {
  const expected = window.helpers.bytes(length, length);
  return window.frames.some(({ payload, userTimestamp }) => payload.length === length && payload.every((byte, at) => byte === expected[at]) && String(userTimestamp) === timestamp);
}, [length, timestamp]);

/** Pushes a frame in a page, again if it does not arrive. */
const passes = async (from, arrived, length, timestamp) => {
  const tryPush = () => from.evaluate(([length, timestamp]) => window.local.tryPush({ payload: window.helpers.bytes(length, length), userTimestamp: BigInt(timestamp) }), [length, timestamp]);
  let pushed = Promise.resolve();
  await insist({ tryPush: () => { pushed = pushed.then(tryPush); } }, {}, arrived);
  await pushed;
};

const LENGTHS = [0, 1, 15_988, 15_989, 100_000, 1024 * 1024];

for (const usesE2ee of [false, true]) {
  test(`two pages stream frames of every length both ways, ${usesE2ee ? "encrypted" : "in clear"}`, async (t) => {
    const channel = channelName();
    const [a, b] = [await enter(t, channel, "key of the room"), await enter(t, channel, "key of the room")];
    for (const page of [a, b]) await publish(page, { usesE2ee });
    await subscribe(a, await idOf(b));
    await subscribe(b, await idOf(a));
    for (const page of [a, b]) await hasSubscribers(page, 1);
    for (const [from, to] of [[a, b], [b, a]]) {
      await collecting(to);
      for (const length of LENGTHS) await passes(from, () => got(to, length, "5"), length, "5");
      for (const timestamp of ["0", `${2n ** 64n - 1n}`]) await passes(from, () => got(to, 10, timestamp), 10, timestamp);
    }
    for (const page of [a, b]) assert.equal(await page.evaluate(() => window.track.stats.framesUndecryptable), 0);
  });

  test(`a page and Node stream frames of every length to each other, ${usesE2ee ? "encrypted" : "in clear"}`, async (t) => {
    const channel = channelName();
    const page = await enter(t, channel, "key of the room");
    const node = await join(t, channel, { url: pages.url });
    await node.setDataTrackKey("key of the room");
    await publish(page, { usesE2ee });
    const stream = (await trackOf(await remoteOf(node, await idOf(page)))).subscribe();
    const local = node.publishDataTrack({ name: "telemetry", usesE2ee });
    await subscribe(page, node.peerId);
    await Promise.all([subscribers(local, 1), hasSubscribers(page, 1)]);
    const { frames } = collect(stream);
    await collecting(page);
    for (const length of LENGTHS) {
      const arrived = () => frames.some(({ payload, userTimestamp }) => payload.length === length && Buffer.compare(payload, bytes(length, length)) === 0 && userTimestamp === 5n);
      await passes(page, arrived, length, "5");
      await insist(local, { payload: bytes(length, length), userTimestamp: 5n }, () => got(page, length, "5"));
    }
  });
}

test("a page with another key gets nothing, counts every frame and is told of each", async (t) => {
  const channel = channelName();
  const [a, b] = [await enter(t, channel, "one key"), await enter(t, channel, "another key")];
  await publish(a, { usesE2ee: true });
  await subscribe(b, await idOf(a));
  await hasSubscribers(a, 1);
  await b.evaluate(() => {
    window.told = [];
    window.peer.remotePeers[0].on("data-track-error", ({ track, err }) => window.told.push(`${track.info.name} ${err instanceof Error}`));
    window.read = window.helpers.collect(window.stream).frames;
  });
  for (let n = 1; n <= 3; n += 1) {
    await a.evaluate(() => window.local.tryPush({ payload: new Uint8Array(100) }));
    await b.waitForFunction((n) => window.told.length === n, n);
  }
  const seen = await b.evaluate(() => [window.told, window.read, window.track.stats.framesUndecryptable]);
  assert.deepEqual(seen, [Array(3).fill("telemetry true"), [], 3]);
});

test("a slow reader drops its own oldest, and another page that reads gets everything meanwhile", async (t) => {
  const channel = channelName();
  const [publisher, fast, slow] = [await enter(t, channel), await enter(t, channel), await enter(t, channel)];
  await publish(publisher);
  const id = await idOf(publisher);
  await subscribe(fast, id, { bufferSize: 4 });
  await subscribe(slow, id, { bufferSize: 2 });
  await hasSubscribers(publisher, 2);
  await fast.evaluate(() => {
    window.collected = window.helpers.collect(window.stream);
  });
  for (let n = 0; n < 50; n += 1) {
    await publisher.evaluate((n) => window.local.tryPush({ payload: Uint8Array.of(n) }), n);
    await Promise.all([fast, slow].map((page) => page.waitForFunction((n) => window.track.stats.framesReceived === n, n + 1)));
  }
  const upTo = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);
  await fast.waitForFunction(() => window.collected.frames.length === 50);
  assert.deepEqual(await fast.evaluate(() => window.collected.frames.map(({ payload }) => payload[0])), upTo(0, 50));
  const late = await slow.evaluate(async () => [(await window.stream.read()).payload[0], (await window.stream.read()).payload[0], window.track.stats.framesOverflowed]);
  assert.deepEqual(late, [48, 49, 48]);
});

test("streams in Chromium go on over a connection that is replaced, both ways", async (t) => {
  const page = await pages.open(t);
  const { trouble, frames, dropped } = await page.evaluate(async () => {
    const { collect, publishing, subscribers, text, textOf, trackOf } = await import("/tests/support/data-tracks.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once, until } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { b, toA, toB, local, remote } = await publishing(t);
    const back = b.publishDataTrack({ name: "back" });
    const streams = [remote.subscribe(), (await trackOf(toB, "back")).subscribe()];
    const collected = streams.map(collect);
    const trouble = [];
    for (const event of ["data-track-published", "data-track-unpublished"]) for (const to of [toA, toB]) to.on(event, () => trouble.push(event));
    const locals = [local, back];
    let n = 0;
    const timer = setInterval(() => locals.forEach((track) => track.tryPush({ payload: text(`${++n}`) })), 5);
    const flow = () => {
      const from = n;
      return until(() => collected.every(({ frames }) => frames.length > 0 && Number(textOf(frames.at(-1))) > from));
    };
    await Promise.all(locals.map((track) => subscribers(track, 1)));
    await flow();
    for (const remote of [toA, toB]) {
      const resets = [toA, toB].map((other) => once(other, "connection-reset"));
      remote.pc.close();
      await Promise.all(resets);
      await flow();
    }
    clearInterval(timer);
    const seen = [...trouble, ...streams.map(({ endReason }) => endReason).filter(Boolean)];
    const frames = collected.map(({ frames }) => frames.map((frame) => Number(textOf(frame))));
    const dropped = locals.map(({ stats }) => stats.framesDropped > 0);
    await t.end();
    return { trouble: seen, frames, dropped };
  });
  assert.deepEqual([trouble, dropped], [[], [true, true]]);
  for (const numbers of frames) assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `${numbers}`);
});
