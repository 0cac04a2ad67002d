// The package in a page: two peers in it, many channels, glare.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

test("the page runs the same bytes of wasm as Node, and the file is served next to them", async (t) => {
  const page = await pages.open(t);
  const served = await page.evaluate(async () => {
    const response = await fetch("/pkg/metered_realtime.wasm");
    const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
    return [response.headers.get("content-type"), [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")];
  });
  const installed = readFileSync(fileURLToPath(import.meta.resolve("metered-realtime/metered_realtime.wasm")));
  assert.deepEqual(served, ["application/wasm", createHash("sha256").update(installed).digest("hex")]);

  // The entry carries them inlined: it is one file for both.
  const entry = await page.evaluate(async () => (await fetch("/pkg/index.js")).text());
  assert.equal(entry, readFileSync(fileURLToPath(import.meta.resolve("metered-realtime")), "utf8"));
});

test("two peers in one page echo text and bytes", async (t) => {
  const page = await pages.open(t);
  const echoes = await page.evaluate(async () => {
    const { openChannel, pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { toA, toB } = await pair(t);
    const { ours, theirs } = await openChannel(toB, toA);
    theirs.on("message", ({ data }) => theirs.send(data));
    const echoes = record(ours, "message");
    for (const data of ["ping", "", "🌱", new Uint8Array([1, 2, 3]), new Uint8Array([4]).buffer]) await ours.send(data);
    await echoes.reach(5);
    await t.end();
    return echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
  });
  assert.deepEqual(echoes, ["ping", "", "🌱", [1, 2, 3], [4]]);
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

test("8 pairs, of whom one side sends a camera, open a lasting channel from both sides in the same tick", async (t) => {
  // In Chromium a first data section does not survive that its offer gives way to one in which it has another place.
  const page = await pages.open(t);
  const result = await page.evaluate(async () => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    let replaced = 0;
    const errors = [];
    for (let round = 0; round < 8; round += 1) {
      const t = scope();
      const { a, b, toA, toB } = await pair(t);
      for (const remote of [toA, toB]) {
        remote.on("connection-reset", () => { replaced += 1; });
        remote.on("negotiation-error", ({ err }) => errors.push(String(err)));
      }
      const [track] = document.createElement("canvas").captureStream(5).getVideoTracks();
      const seen = once(round % 2 ? toA : toB, "track");
      (round % 2 ? a : b).addTrack(track);
      const channels = [toA.openDataChannel("chat"), toB.openDataChannel("chat")];
      await Promise.all([seen, ...channels.map((channel) => once(channel, "open"))]);
      track.stop();
      await t.end();
    }
    return { replaced, errors };
  });
  assert.deepEqual(result.errors, []);
  t.diagnostic(`${result.replaced} connections were replaced`);
});

test("20 channels and 20 transceivers, added by both sides as fast as they can, are all negotiated", async (t) => {
  const page = await pages.open(t);
  const labels = await page.evaluate(async () => {
    const { openChannel, pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record, until } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { toA, toB } = await pair(t);
    // The first exchange is over before the sides collide: Chromium cannot start SCTP when it has to take back its
    // first offer and the data section has another place in the remote's.
    await openChannel(toB, toA, { label: "first" });
    const connections = [toA.pc, toB.pc];
    const arrived = [record(toA, "data-channel"), record(toB, "data-channel")];
    const channels = [];
    for (let i = 0; i < 10; i += 1) {
      for (const remote of [toA, toB]) {
        channels.push(remote.createDataChannel(`${i}`));
        remote.pc.addTransceiver(i % 2 ? "audio" : "video");
        if (i % 3 === 0) await Promise.resolve();
        if (i % 3 === 1) await new Promise((resolve) => setTimeout(resolve));
      }
    }
    await until(() => channels.every((channel) => channel.readyState === "open"), "every channel open");
    await Promise.all(arrived.map(({ reach }) => reach(10)));
    const isNegotiated = (pc) => pc.signalingState === "stable" && pc.getTransceivers().length >= 20
      && pc.getTransceivers().every(({ mid }) => mid !== null);
    await until(() => connections.every(isNegotiated), "every transceiver negotiated");
    if (toA.pc !== connections[0] || toB.pc !== connections[1]) throw new Error("a connection was replaced");
    await t.end();
    return arrived.map(({ payloads }) => payloads.map(({ channel }) => channel.label).sort().join());
  });
  assert.deepEqual(labels, ["0,1,2,3,4,5,6,7,8,9", "0,1,2,3,4,5,6,7,8,9"]);
});

test("a send beyond the high-water mark waits in Chromium too, and everything arrives in order", async (t) => {
  const page = await pages.open(t);
  const { order, most, waited } = await page.evaluate(async () => {
    const { openChannel, pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record } = await import("/tests/support/wait.mjs");
    const t = scope();
    const { toA, toB } = await pair(t);
    const { ours, theirs } = await openChannel(toB, toA, { options: { maxBufferedAmount: 256 * 1024 } });
    const received = record(theirs, "message");
    let [most, waited] = [0, 0];
    const sends = Array.from({ length: 100 }, async (_, i) => {
      const payload = new Uint32Array(8 * 1024).fill(i);
      const before = ours.bufferedAmount;
      const sent = ours.send(payload);
      if (ours.bufferedAmount === before) waited += 1;
      most = Math.max(most, ours.bufferedAmount);
      await sent;
    });
    await Promise.all(sends);
    await received.reach(100);
    await t.end();
    return { order: received.payloads.map(({ data }) => new Uint32Array(data)[0]), most, waited };
  });
  assert.deepEqual(order, Array.from({ length: 100 }, (_, i) => i));
  assert.ok(most <= 256 * 1024 && waited > 50, `${most} bytes buffered, ${waited} waited`);
});

test("errors and unfinished calls of a page are what they are in Node", async (t) => {
  const page = await pages.open(t);
  const seen = await page.evaluate(async () => {
    const { MeteredPeer, NotConnectedError, SignallingClient } = window.realtime;
    const { access } = await import("/tests/support/server.mjs");
    const options = await access();
    const caught = (promise) => promise.catch((error) => [error.name, error instanceof Error]);
    const client = new SignallingClient(options);
    const refused = await client.publish("a", 1).catch((error) => error instanceof NotConnectedError);
    const wrongKey = await caught(new SignallingClient({ ...options, apiKey: "x" }).connect());
    const peer = new MeteredPeer(options);
    const joining = caught(peer.join("a"));
    await peer.close();
    return [refused, wrongKey, await joining];
  });
  assert.deepEqual(seen, [true, ["SignallingConnectError", true], ["AbortError", true]]);
});
