// Peers join and leave, channels open and close, by the thousand, in a page and in Node, with a real server and real
// connections. What is left after the first cycles is what is left after the last.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { test } from "node:test";
import { testPages } from "../browser/test-page.mjs";
import { KEY, startServer } from "../support/server.mjs";
import { beside, count, isSoak, report } from "../support/soak.mjs";

const pages = testPages({ flags: ["--js-flags=--expose-gc", "--enable-precise-memory-info"] });
const long = { timeout: 1_500_000 };

const JOINS = count(1_000, 20);
const CHANNELS = count(10_000, 100);
const WARM_UP = count(100, 20);

/** What is done, in both places: the same twice over, so that the second tells what the first has left. */
const STEPS = [
  ["joins", WARM_UP, 5], ["joins", JOINS, 5],
  ["channels", WARM_UP * 10, 10], ["channels", CHANNELS, 10],
  ["end"],
];

/** Heap that a cycle may leave: the figures of a collected heap differ by so much in themselves. */
const NOISE_BYTES = 1_500_000;

/** A page of wasm memory: when a browser collects is its own affair, and the next moment may have more that waits for it. */
const PAGE_BYTES = 65_536;

/**
 * Judges what is left. A connection of `@roamhq/wrtc` `keepsChannels` that have closed, some 2 KB of each, until it is closed
 * itself; what the same program leaves in a page tells that it is not ours. The wasm memory is the same, or `mayGrowBytes` more.
 */
const check = (t, { keepsChannels = false, mayGrowBytes = 0, aborted = 0 }, [joinsBefore, joins, channelsBefore, channels, end]) => {
  const grown = (before, after) => after.heapBytes - before.heapBytes;
  report(t.name, {
    aborted, joins: JOINS, channels: CHANNELS, connectionsMade: end.connectionsMade,
    wasmBytes: [joinsBefore, joins, channels].map(({ wasmBytes }) => wasmBytes),
    heapBytesPerJoin: Math.round(grown(joinsBefore, joins) / JOINS),
    heapBytesPerChannel: Math.round(grown(channelsBefore, channels) / CHANNELS),
    heapBytesInTheEnd: grown(joins, end),
    left: { timers: end.timers, sockets: end.sockets, connections: end.openConnections, ...(end.listeners && { listeners: end.listeners }) },
  });
  assert.ok(joinsBefore.wasmBytes > 0);
  const wasmGrown = channels.wasmBytes - joinsBefore.wasmBytes;
  assert.ok(wasmGrown <= mayGrowBytes, `the wasm memory grew by ${wasmGrown} bytes`);
  for (const step of [joins, end]) assert.deepEqual([step.sockets, step.openConnections], [0, 0], "sockets and connections left");
  assert.equal(end.timers, joinsBefore.timers, "timers left");
  assert.ok(grown(joinsBefore, joins) < NOISE_BYTES + JOINS * 200, `the heap grew by ${grown(joinsBefore, joins)} bytes in ${JOINS} joins`);
  const ofChannels = keepsChannels ? grown(joins, end) : grown(channelsBefore, channels);
  assert.ok(ofChannels < NOISE_BYTES + CHANNELS * 20, `the heap grew by ${ofChannels} bytes in ${CHANNELS} channels`);
};

test("peers that join and leave, and channels that open and close, leave nothing in a page", long, async (t) => {
  const page = await pages.open(t);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  await page.evaluate(async () => {
    const { cycles } = await import("/tests/support/cycles.mjs");
    const { access } = await import("/tests/support/server.mjs");
    window.run = await cycles({
      // Another instance of the package than the page has, made after the counting began.
      load: () => import("/pkg/index.js?counted"),
      access: await access(),
      gc: () => window.gc(),
      heapBytes: () => performance.memory.usedJSHeapSize,
      newSocket: (url) => new WebSocket(url),
      newConnection: (config) => new RTCPeerConnection(config),
    });
  });
  const results = [];
  const listeners = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSEventListeners").value;
  };
  for (const step of STEPS) {
    const left = await page.evaluate(([name, ...args]) => window.run[name](...args), step);
    results.push({ ...left, listeners: await listeners() });
  }
  check(t, { mayGrowBytes: PAGE_BYTES }, results);
  assert.ok(results[1].listeners <= results[0].listeners, `${results[0].listeners} listeners, then ${results[1].listeners}`);
});

/** What the cycles have left in a process of Node, or the signal that ended it. */
const cyclesInNode = (access) => new Promise((resolve, reject) => {
  const child = fork(beside("cycles-in-node.mjs"), [JSON.stringify({ access, steps: STEPS })]);
  child.once("message", (results) => resolve({ results }));
  child.once("error", reject);
  child.once("exit", (code, signal) => (signal ? resolve({ signal }) : reject(new Error(`it ended with ${code}`))));
});

// `@roamhq/wrtc` aborts now and then while so many channels are collected, by itself too (bare-cycles-in-node.mjs). A process
// that ends so has told nothing about ours, and another is asked; how many did is reported. What Node keeps of a few is
// judged in tests/node/leaks.test.mjs; this one belongs to the soak.
if (isSoak) {
  test("peers that join and leave, and channels that open and close, leave nothing in Node", long, async (t) => {
    const server = await startServer();
    t.after(() => server.kill());
    for (let aborted = 0; aborted < 8; aborted += 1) {
      const { results, signal } = await cyclesInNode({ apiKey: KEY, url: server.url });
      if (results) return check(t, { keepsChannels: true, aborted }, results);
      assert.equal(signal, "SIGABRT");
    }
    assert.fail("no process lived to tell what is left");
  });
}
