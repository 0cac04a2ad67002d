// Peers in pages of their own, and in Node.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record } from "../support/wait.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

/** Joins a room in a page and echoes whatever comes over any data channel. */
const startBot = (page, channel) => page.evaluate(async (channel) => {
  const { DataChannel, MeteredPeer } = window.realtime;
  const { access } = await import("/tests/support/server.mjs");
  const bot = new MeteredPeer(await access());
  bot.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", ({ channel }) => {
    const dc = new DataChannel(channel);
    dc.on("message", ({ data }) => dc.send(data));
  }));
  await bot.join(channel);
  window.bot = bot;
  return bot.peerId;
}, channel);

/** Joins a room in a page, opens a channel to the first peer there and answers what came back. */
const callBot = (page, channel) => page.evaluate(async (channel) => {
  const { DataChannel, MeteredPeer } = window.realtime;
  const { access } = await import("/tests/support/server.mjs");
  const { once, record } = await import("/tests/support/wait.mjs");
  const client = new MeteredPeer(await access());
  const met = once(client, "peer-joined");
  await client.join(channel);
  const dc = new DataChannel((await met).peer.createDataChannel("chat"));
  const echoes = record(dc, "message");
  await once(dc, "open");
  // One at a time: a bot in Node may get what comes before its `datachannel` event in another order.
  let count = 0;
  for (const data of ["ping", "🌱", "x".repeat(60_000), new Uint8Array([0, 255])]) {
    await dc.send(data);
    await echoes.reach(++count);
  }
  await client.close();
  return echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
}, channel);

const expected = ["ping", "🌱", "x".repeat(60_000), [0, 255]];

test("two pages of different contexts echo, and see each other leave", async (t) => {
  const [bot, client] = [await pages.open(t), await pages.open(t)];
  const channel = channelName();
  await startBot(bot, channel);
  assert.deepEqual(await callBot(client, channel), expected);
  await bot.waitForFunction(() => window.bot.remotePeers.length === 0);
});

test("a page that is closed is gone for the others", async (t) => {
  const [bot, other] = [await pages.open(t), await pages.open(t)];
  const channel = channelName();
  await startBot(bot, channel);
  await startBot(other, channel);
  await bot.waitForFunction(() => window.bot.remotePeers.length === 1);
  await other.close();
  await bot.waitForFunction(() => window.bot.remotePeers.length === 0);
});

test("a page opens a channel to a bot in Node, which echoes", async (t) => {
  const page = await pages.open(t);
  const channel = channelName();
  const bot = await join(t, channel, { url: pages.url });
  bot.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", ({ channel }) => {
    const dc = new DataChannel(channel);
    dc.on("message", ({ data }) => dc.send(data));
  }));
  assert.deepEqual(await callBot(page, channel), expected);
});

test("Node opens a channel to a bot in a page, which echoes", async (t) => {
  const page = await pages.open(t);
  const channel = channelName();
  const id = await startBot(page, channel);
  const client = await join(t, channel, { url: pages.url });
  const dc = new DataChannel((await remoteOf(client, id)).createDataChannel("chat"));
  const echoes = record(dc, "message");
  await once(dc, "open");
  for (const data of ["ping", "🌱", "x".repeat(60_000), new Uint8Array([0, 255])]) await dc.send(data);
  await echoes.reach(4);
  assert.deepEqual(echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)])), expected);
});

test("Node and a page open a channel in the same moment, and both open", async (t) => {
  const page = await pages.open(t);
  // The lower id is the polite one's: Node rolls back here.
  const tokenProvider = () => token({ sub: `!${crypto.randomUUID()}` });
  for (let round = 0; round < 5; round += 1) {
    const channel = channelName();
    const id = await startBot(page, channel);
    const client = await join(t, channel, { url: pages.url, apiKey: undefined, tokenProvider });
    const remote = await remoteOf(client, id);
    assert.ok(remote.polite);
    await page.waitForFunction(() => window.bot.remotePeers.length === 1);
    const arrived = once(remote, "data-channel");
    const opening = page.evaluate(async () => {
      const [remote] = window.bot.remotePeers;
      const dc = new window.realtime.DataChannel(remote.createDataChannel("from the page"));
      await new Promise((resolve) => dc.once("open", resolve));
    });
    const dc = new DataChannel(remote.createDataChannel("from node"));
    const opened = once(dc, "open");
    await Promise.all([opening, opened, arrived]);
    const echo = once(dc, "message");
    await dc.send("x");
    await echo;
    await page.evaluate(() => window.bot.close());
    await client.close();
  }
});
