// The package in Firefox: two peers in a page.

import assert from "node:assert/strict";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { firefoxPages } from "./firefox.mjs";

const pages = firefoxPages();

test("two peers in one Firefox page echo text and bytes", async (t) => {
  const page = await pages.open(t);
  const { echoes, stats } = await page.evaluate(async () => {
    const { openChannel, pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { toA, toB } = await pair(t);
    const { ours, theirs } = await openChannel(toB, toA);
    theirs.on("message", ({ data }) => theirs.send(data));
    const echoes = record(ours, "message");
    for (const data of ["ping", "", "🌱", "x".repeat(60_000), new Uint8Array([1, 2, 3]), new Uint8Array([4]).buffer]) await ours.send(data);
    await echoes.reach(6);
    const stats = await toB.getStats();
    await t.end();
    return { echoes: echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)])), stats };
  });
  assert.deepEqual(echoes, ["ping", "", "🌱", "x".repeat(60_000), [1, 2, 3], [4]]);
  assert.match(stats.route, /^(host|prflx)$/);
  assert.ok(stats.bytesSent > 60_000 && stats.bytesReceived > 60_000, `${stats.bytesSent} sent, ${stats.bytesReceived} received`);
});

test("15 pairs whose sides open a channel in the same tick all get both channels", async (t) => {
  const page = await pages.open(t);
  const { rollbacks, failures } = await page.evaluate(async () => {
    const { collide } = await import("/tests/support/collisions.mjs");
    return collide(15);
  });
  assert.deepEqual(failures, []);
  assert.ok(rollbacks > 0, "no round rolled back: the sides did not collide");
});

test("ten tracks that each side adds one after the other all arrive, with what was said about them", async (t) => {
  const page = await pages.open(t);
  const arrived = await page.evaluate(async () => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { a, b, toA, toB } = await pair(t);
    const [atA, atB] = [record(toB, "track"), record(toA, "track")];
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    for (let n = 0; n < 10; n += 1) {
      for (const [peer, name] of [[a, "a"], [b, "b"]]) {
        const stream = canvas.captureStream();
        peer.addTrack(stream.getVideoTracks()[0], stream, { from: `${name}${n}` });
      }
      // Each in a turn of its own, so that it is a negotiation of its own.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all([atA.reach(10), atB.reach(10)]);
    const names = ({ payloads }) => payloads.map(({ metadata }) => metadata?.from).sort();
    const arrived = { atA: names(atA), atB: names(atB) };
    await t.end();
    return arrived;
  });
  const all = (name) => Array.from({ length: 10 }, (_, n) => `${name}${n}`);
  assert.deepEqual(arrived, { atA: all("b"), atB: all("a") });
});

test("a connection that the other side has closed is noticed and replaced, and a lasting channel opens again on the new one", async (t) => {
  const page = await pages.open(t);
  const { took, heard, events, isSame } = await page.evaluate(async () => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once, until } = await import("/tests/support/wait.mjs");
    const { DataChannel } = window.realtime;
    const t = scope();
    const { a, toA, toB } = await pair(t);
    const [heard, events] = [[], []];
    toA.on("data-channel", ({ channel }) => new DataChannel(channel).on("message", ({ data }) => heard.push(data)));
    const channel = toB.openDataChannel("chat");
    for (const name of ["open", "close"]) channel.on(name, () => events.push(name));
    await channel.send("before");
    await until(() => heard.length === 1);
    const reset = once(toB, "connection-reset");
    const start = performance.now();
    toA.pc.close();
    await reset;
    const took = performance.now() - start;
    await channel.send("after");
    await until(() => heard.length === 2);
    const isSame = a.remotePeers[0] === toB;
    await t.end();
    return { took, heard, events, isSame };
  });
  assert.deepEqual({ heard, isSame }, { heard: ["before", "after"], isSame: true });
  assert.deepEqual(events, ["open", "close", "open", "close"], "the last one is the end of the test");
  assert.ok(took < 5_000, `noticed after ${took} ms: silence alone takes longer`);
});

test("in Firefox too a channel is closed for good by the other side's close(), and for now by the end of its connection", async (t) => {
  const page = await pages.open(t);
  const states = await page.evaluate(async () => {
    const { closesOfBothKinds } = await import("/tests/support/closes.mjs");
    return closesOfBothKinds();
  });
  assert.deepEqual(states, ["closed", "connecting", "connecting"]);
});

test("a channel survives in Firefox that its connection is replaced, and everything that waited arrives in order", async (t) => {
  const page = await pages.open(t);
  const server = await startServer(0, { resumeGrace: 0 });
  t.after(() => server.kill());
  const messages = await page.evaluate(async (url) => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once, until } = await import("/tests/support/wait.mjs");
    const { DataChannel } = window.realtime;
    const t = scope();
    const sockets = [];
    const webSocketFactory = (url) => {
      sockets.push(new WebSocket(url));
      return sockets.at(-1);
    };
    const { b, toA, toB } = await pair(t, { url, webSocketFactory, reconnect: { initialDelayMs: 300, jitterRatio: 0 } }, { url });
    const messages = [];
    const welcome = (remote) => remote.on("data-channel", ({ channel }) => new DataChannel(channel).on("message", ({ data }) => messages.push(data)));
    welcome(toA);
    b.on("peer-joined", ({ peer }) => welcome(peer));
    const dc = toB.openDataChannel("chat");
    await dc.send("0");
    await until(() => messages.length === 1);
    for (let round = 0; round < 3; round += 1) {
      const gap = once(dc, "close");
      // For the others we have left, and come back.
      sockets.at(-1).close();
      await gap;
      await Promise.all(Array.from({ length: 20 }, (_, n) => dc.send(`${round * 20 + n + 1}`)));
      await until(() => messages.length === (round + 1) * 20 + 1);
    }
    await t.end();
    return messages;
  }, server.url);
  assert.deepEqual(messages, Array.from({ length: 61 }, (_, n) => `${n}`));
});
