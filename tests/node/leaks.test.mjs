// 500 peers come and go. Fakes count every listener, since the native library's own memory would blur the figures.

import "../support/no-tier-up.mjs";
import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { FakeChannel, FakeConnection, FakeServer } from "../support/fakes.mjs";
import { collect, heapBytes, wasmBytes } from "../support/memory.mjs";
import { test } from "../support/test.mjs";
import { settle, until } from "../support/wait.mjs";

const { DataChannel, MeteredPeer, SignallingClient } = await import("metered-realtime");

const url = "ws://localhost";
const reconnect = { initialDelayMs: 1, maxDelayMs: 1 };

/** Every fake that a cycle made. */
let fakes = [];

beforeEach(() => { fakes = []; });

const made = (fake) => {
  fakes.push(fake);
  return fake;
};

const checkListeners = () => {
  for (const fake of fakes) {
    assert.ok(fake.added > 0, `nobody listened to a ${fake.constructor.name}`);
    assert.equal(fake.removed, fake.added, `${fake.constructor.name} still has listeners`);
  }
  assert.ok(fakes.length > 0);
  fakes = [];
};

/** A peer joins, talks to a remote over channels of both sides, and closes. Answers what must then be garbage. */
const cycle = async (n) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "other", metadata: { n } }];
  const peer = new MeteredPeer({
    apiKey: "k", url, reconnect,
    webSocketFactory: (url) => made(server.factory(url)),
    rtcPeerConnectionFactory: () => made(new FakeConnection()),
  });
  peer.on("data", () => {});
  await peer.join(`room-${n}`);
  await settle();
  const [remote] = peer.remotePeers;
  remote.on("data-channel", ({ channel }) => new DataChannel(channel).on("message", () => {}));

  const dc = new DataChannel(made(remote.createDataChannel("chat")));
  dc.on("message", () => {});
  await until(() => server.signals("rtc-description").length === 1, "the offer");
  const direct = (data) => server.socket.receive({ type: "direct", from: "other", data });
  direct({ type: "rtc-description", description: { type: "answer", sdp: "v=0\r\n" } });
  for (let i = 0; i < 5; i += 1) direct({ type: "rtc-ice", candidate: { candidate: `candidate:${i}`, sdpMid: "0" } });
  remote.pc.connect();
  const theirs = made(new FakeChannel("theirs"));
  theirs.open();
  remote.pc.dispatch("datachannel", { channel: theirs });
  remote.pc.channels.push(theirs);

  const { channels: [raw] } = remote.pc;
  raw.open();
  await dc.send("hello");
  raw.bufferedAmount = 1024 * 1024;
  const waiting = dc.send("x").catch(() => {});
  raw.dispatch("message", { data: "hello" });
  await peer.send({ n });

  if (n % 4 === 0) dc.close();
  if (n % 4 === 1) {
    server.socket.drop();
    await until(() => peer.state === "joined", "the rejoin");
  }
  if (n % 4 === 2) direct({ type: "rtc-description", description: { type: "offer", sdp: "v=0\r\n" } });
  const garbage = [peer, remote, dc].map((object) => new WeakRef(object));
  await peer.close();
  await waiting;
  await settle();
  return garbage;
};

/** How many of these are still reachable. */
const alive = (references) => references.filter((reference) => reference.deref() !== undefined).length;

/**
 * Makes things in batches of 25. The wasm memory of an object is free when the garbage collector has seen the object,
 * so that it is given a turn after each batch.
 */
const inBatches = async (count, make) => {
  const references = [];
  for (let n = 0; n < count; n += 1) {
    references.push(...[await make(n)].flat());
    if (n % 25 === 24) await collect();
  }
  await collect();
  return references;
};

const checkedCycle = async (n) => {
  const references = await cycle(n);
  checkListeners();
  return references;
};

test("500 peers leave no listener, no object and no memory behind", async () => {
  await inBatches(50, checkedCycle);
  const wasm = wasmBytes();
  const growths = [];
  let left = 0;
  for (let hundreds = 0; hundreds < 5; hundreds += 1) {
    const heap = heapBytes();
    left += alive(await inBatches(100, checkedCycle));
    growths.push(Math.round((heapBytes() - heap) / 100));
  }
  assert.equal(wasmBytes(), wasm, "the wasm memory has grown");
  assert.ok(left <= 5, `${left} objects of 500 peers are still reachable`);
  // What is made or flushed once changes one figure. A leak grows all the time.
  const median = growths.sort((a, b) => a - b)[2];
  assert.ok(median < 128, `the heap grew by ${growths} bytes per peer`);
});

test("clients that fail to connect, are refused or never connect leave nothing behind", async () => {
  const attempt = async (n) => {
    const server = new FakeServer();
    const webSocketFactory = (url) => {
      const socket = made(server.factory(url));
      socket.welcome = () => socket.drop(4001);
      return socket;
    };
    const client = new SignallingClient({ apiKey: "k", url, webSocketFactory });
    if (n % 2) {
      await client.connect().catch(() => {});
      checkListeners();
    }
    return new WeakRef(client);
  };
  await inBatches(50, attempt);
  const wasm = wasmBytes();
  const left = alive(await inBatches(200, attempt));
  assert.ok(left <= 2, `${left} of 200 clients are still reachable`);
  assert.equal(wasmBytes(), wasm);
});

test("a data channel is garbage after its channel closed, whoever closed it", async () => {
  const left = alive(await inBatches(100, async (n) => {
    const raw = made(new FakeChannel());
    const dc = new DataChannel(raw);
    raw.open();
    dc.on("close", () => {});
    if (n % 2) dc.close();
    else raw.close();
    await settle();
    return new WeakRef(dc);
  }));
  checkListeners();
  assert.ok(left <= 2, `${left} of 100 channels are still reachable`);
});

test("a handler that uses its own channel does not keep it alive", async () => {
  const left = alive(await inBatches(50, async () => {
    const raw = new FakeChannel();
    const dc = new DataChannel(raw);
    dc.on("message", ({ data }) => dc.send(data));
    raw.open();
    raw.dispatch("message", { data: "x" });
    raw.close();
    await settle();
    return new WeakRef(dc);
  }));
  assert.ok(left <= 2, `${left} of 50 channels are still reachable`);
});

test("a handler that uses its own peer or remote does not keep them alive", async () => {
  const left = alive(await inBatches(50, async () => {
    const server = new FakeServer();
    server.roster = [{ peerId: "other" }];
    const peer = new MeteredPeer({ apiKey: "k", url, webSocketFactory: server.factory, rtcPeerConnectionFactory: () => new FakeConnection() });
    const references = [new WeakRef(peer)];
    peer.on("peer-joined", ({ peer: remote }) => {
      references.push(new WeakRef(remote));
      remote.on("state-change", () => remote.send(peer.state));
      remote.on("data-channel", ({ channel }) => new DataChannel(channel).on("message", () => peer.send(remote.id)));
    });
    await peer.join("room");
    await settle();
    await peer.close();
    return references;
  }));
  assert.ok(left <= 4, `${left} of 100 objects are still reachable`);
});
