// This package in a page, and the official Python SDK.

import assert from "node:assert/strict";
import { testPages } from "../browser/test-page.mjs";
import { pythonPeer } from "../support/python.mjs";
import { channelName } from "../support/room.mjs";
import { KEY } from "../support/server.mjs";
import { test } from "../support/test.mjs";

const pages = testPages();

/** Joins a room in a page; with `opens`, a channel is opened to everybody, over which others echo. */
const enter = (page, channel, opens) => page.evaluate(async ([channel, opens]) => {
  const { DataChannel, MeteredPeer } = window.realtime;
  const { access } = await import("/tests/support/server.mjs");
  const { talk } = await import("/tests/support/talk.mjs");
  window.peer = new MeteredPeer(await access());
  window.echoes = talk(window.peer, DataChannel, opens);
  await window.peer.join(channel);
  return window.peer.peerId;
}, [channel, opens]);

for (const pageFirst of [true, false]) {
  const order = pageFirst ? "the page was there first" : "Python was there first";

  test(`a page opens a data channel to Python and it echoes (${order})`, async (t) => {
    const [page, python] = [await pages.open(t), await pythonPeer(t)];
    const channel = channelName();
    const steps = [() => enter(page, channel, true), () => python.join(channel, { url: pages.url, apiKey: KEY })];
    for (const step of pageFirst ? steps : steps.reverse()) await step();
    await page.waitForFunction(() => window.echoes.count > 0);
    await python.leave();
    await page.waitForFunction(() => window.peer.remotePeers.length === 0);
  });

  test(`Python opens a data channel to a page and it echoes (${order})`, async (t) => {
    const [page, python] = [await pages.open(t), await pythonPeer(t)];
    const channel = channelName();
    let id;
    const steps = [async () => { id = await enter(page, channel, false); }, () => python.join(channel, { url: pages.url, apiKey: KEY })];
    for (const step of pageFirst ? steps : steps.reverse()) await step();
    await python.saw("peer-joined", { peer: id });
    await python.open(id, "theirs");
    await python.saw("open", { peer: id, label: "theirs" });
    await python.post(id, "theirs", "grün 🌱");
    await python.saw("message", { text: "grün 🌱" });
    assert.equal(await page.evaluate(() => window.peer.remotePeers[0].state), "connected");
    await page.evaluate(() => window.peer.close());
    await python.saw("peer-left", { peer: id });
  });
}
