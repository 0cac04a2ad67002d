// A peer in Firefox and one in Chromium.

import assert from "node:assert/strict";
import { channelName } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { firefoxPages } from "./firefox.mjs";
import { testPages } from "./test-page.mjs";

const chromium = testPages({ flags: ["--autoplay-policy=no-user-gesture-required"] });
const firefox = firefoxPages();

const enter = (page, channel, url) => page.evaluate(async ([channel, url]) => {
  const { enter } = await import("/tests/support/page-peer.mjs");
  return enter(channel, url);
}, [channel, url]);

/** A page of each browser, Firefox first, whose peers have met. What they are and have seen is each page's `window.me`. */
const meet = async (t, { url = firefox.url, ...options } = {}) => {
  const pages = await Promise.all([firefox.open(t), chromium.open(t, options)]);
  const channel = channelName();
  const ids = [];
  for (const page of pages) ids.push(await enter(page, channel, url));
  for (const page of pages) await notes(page, "joined", 1);
  return { pages, ids };
};

/** What a page says about its peer. */
const ask = (page, name) => page.evaluate((name) => window.me[name], name);

/** Waits until a page has noted so many of something. */
const notes = (page, name, count) => page.evaluate(async ([name, count]) => {
  const { until } = await import("/tests/support/wait.mjs");
  await until(() => window.me[name].length >= count, `${count} ${name}`);
  return window.me[name];
}, [name, count]);

/** Waits until a page's peer, or its remote, is in a state. */
const becomes = (page, who, state) => page.evaluate(async ([who, state]) => {
  const { until } = await import("/tests/support/wait.mjs");
  await until(() => window.me[who].state === state, `${who} is ${state}`);
}, [who, state]);

/** Opens a lasting channel in both pages, in the same moment as far as there is one. */
const openBoth = async (pages) => {
  const moment = Date.now() + 100;
  await Promise.all(pages.map((page) => page.evaluate(async (moment) => {
    const { open } = await import("/tests/support/page-peer.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    await new Promise((resolve) => setTimeout(resolve, moment - Date.now()));
    open("chat");
    await once(window.me.channel, "open");
  }, moment)));
};

const say = (page, text) => page.evaluate((text) => window.me.channel.send(text), text);

const directions = [["Firefox", "Chromium", (pages) => pages], ["Chromium", "Firefox", (pages) => pages.toReversed()]];

for (const [from, to, inOrder] of directions) {
  test(`a channel that ${from} opens to ${to} carries text and bytes; broadcasts and direct messages arrive, and so does leaving`, async (t) => {
    const { pages, ids } = await meet(t);
    const [here, there] = inOrder(pages);
    await here.evaluate(async () => {
      const { open } = await import("/tests/support/page-peer.mjs");
      open("chat");
      for (const data of ["text", "🌱", "x".repeat(60_000), new Uint8Array([0, 255])]) await window.me.channel.send(data);
      await window.me.peer.send({ to: "all" });
      await window.me.remote.send({ to: "one" });
    });
    assert.deepEqual(await notes(there, "heard", 4), ["text", "🌱", "x".repeat(60_000), [0, 255]]);
    assert.deepEqual(await notes(there, "data", 2), [["broadcast", { to: "all" }], ["direct", { to: "one" }]]);
    assert.notEqual(ids[0], ids[1]);
    await here.evaluate(() => window.me.peer.close());
    assert.deepEqual(await notes(there, "left", 1), [inOrder(ids)[0]]);
  });
}

test("both open a channel in the same moment, again and again, and all are open and carry what is sent", async (t) => {
  const { pages } = await meet(t);
  for (let round = 0; round < 8; round += 1) {
    await openBoth(pages);
    for (const page of pages) await say(page, `round ${round}`);
    for (const page of pages) assert.deepEqual(await notes(page, "heard", 1), [`round ${round}`]);
    const channel = channelName();
    await Promise.all(pages.map((page) => page.evaluate(() => window.me.peer.close())));
    for (const page of pages) await enter(page, channel, firefox.url);
    for (const page of pages) await notes(page, "joined", 1);
  }
});

test("ten tracks that each side adds one after the other all arrive, with what was said about them", async (t) => {
  const { pages } = await meet(t);
  await Promise.all(pages.map((page, at) => page.evaluate(async (at) => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    for (let n = 0; n < 10; n += 1) {
      window.me.peer.addStream(canvas.captureStream(), { from: `${at} ${n}` });
      // Each in a turn of its own, so that it is a negotiation of its own.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }, at)));
  for (const [at, page] of pages.entries()) {
    const streams = await notes(page, "streams", 10);
    assert.deepEqual(streams.map(({ from }) => from).sort(), Array.from({ length: 10 }, (_, n) => `${1 - at} ${n}`));
  }
});

test("a server that is killed and comes back interrupts nothing", async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const { pages } = await meet(t, { url: server.url, mayRefuse: true });
  await openBoth(pages);
  for (const page of pages) {
    // The channel may be open before the connection says that it is connected.
    await becomes(page, "remote", "connected");
    await page.evaluate(() => { window.me.states = []; });
  }
  await server.kill();
  for (const page of pages) await becomes(page, "peer", "reconnecting");
  for (const page of pages) await say(page, "without a server");
  for (const page of pages) await notes(page, "heard", 1);
  await server.start();
  for (const page of pages) await becomes(page, "peer", "joined");
  for (const page of pages) await say(page, "with the next one");
  for (const page of pages) {
    assert.deepEqual(await notes(page, "heard", 2), ["without a server", "with the next one"]);
    const events = {};
    for (const name of ["resets", "left", "closes", "states"]) events[name] = (await ask(page, name)).length;
    assert.deepEqual(events, { resets: 0, left: 0, closes: 0, states: 0 });
  }
});

test("each shows the picture that the other one sends, and knows what it is", async (t) => {
  const { pages } = await meet(t);
  const colours = ["red", "blue"];
  await Promise.all(pages.map((page, at) => page.evaluate(async (colour) => {
    const { liveStream } = await import("/tests/support/page-media.mjs");
    window.me.peer.addStream(liveStream(colour).stream, { from: colour });
  }, colours[at])));
  const seen = await Promise.all(pages.map((page) => page.evaluate(async () => {
    const { bothKindsArrive, colourOf } = await import("/tests/support/page-media.mjs");
    const { until } = await import("/tests/support/wait.mjs");
    await until(() => window.me.streams.length === 1);
    await bothKindsArrive(window.me.remote.pc);
    return [window.me.streams[0].from, await colourOf(window.me.native[0])];
  })));
  assert.deepEqual(seen, [["blue", "blue"], ["red", "red"]]);
});

for (const [from, to, inOrder] of directions) {
  test(`a connection that ${from} closes is replaced in ${to}, and a lasting channel goes on`, async (t) => {
    const { pages } = await meet(t);
    const [here, there] = inOrder(pages);
    await openBoth(pages);
    await here.evaluate(() => window.me.remote.pc.close());
    await notes(there, "resets", 1);
    await say(there, "on the new connection");
    assert.deepEqual(await notes(here, "heard", 1), ["on the new connection"]);
  });
}
