// This package and the official SDK, each in a page of its own.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { testPages } from "../browser/test-page.mjs";
import { channelName } from "../support/room.mjs";
import { test } from "../support/test.mjs";

const pages = testPages();
const official = join(dirname(createRequire(import.meta.url).resolve("@metered-ca/realtime")), "index.mjs");

/** A page in which `sdk` is the package or the official SDK. */
const open = async (t, isOfficial) => {
  const page = await pages.open(t);
  await page.route("**/official.mjs", (route) => route.fulfill({ contentType: "text/javascript", path: official }));
  await page.evaluate(async (isOfficial) => {
    window.sdk = isOfficial ? await import("/official.mjs") : window.realtime;
  }, isOfficial);
  return page;
};

/** Joins a room as an application does; with `opens`, it opens a channel to everybody, over which others echo. */
const enter = (page, channel, opens) => page.evaluate(async ([channel, opens]) => {
  const { access } = await import("/tests/support/server.mjs");
  const { talk } = await import("/tests/support/talk.mjs");
  window.peer = new window.sdk.MeteredPeer(await access());
  window.echoes = talk(window.peer, window.sdk.DataChannel, opens);
  await window.peer.join(channel);
}, [channel, opens]);

for (const weOpen of [true, false]) {
  for (const oursFirst of [true, false]) {
    const who = `${weOpen ? "we open" : "the official SDK opens"}, ${oursFirst ? "we were" : "it was"} there first`;
    test(`a page of each has an echoing channel, and sees the other leave (${who})`, async (t) => {
      const [ours, theirs] = [await open(t, false), await open(t, true)];
      const channel = channelName();
      const steps = [() => enter(ours, channel, weOpen), () => enter(theirs, channel, !weOpen)];
      for (const step of oursFirst ? steps : steps.reverse()) await step();
      await (weOpen ? ours : theirs).waitForFunction(() => window.echoes.count > 0);
      const states = (page) => page.evaluate(() => [...window.peer.remotePeers].map(({ state }) => state));
      assert.deepEqual([await states(ours), await states(theirs)], [["connected"], ["connected"]]);
      const [leaver, stayer] = oursFirst ? [ours, theirs] : [theirs, ours];
      await leaver.evaluate(() => window.peer.close());
      await stayer.waitForFunction(() => [...window.peer.remotePeers].length === 0);
    });
  }
}
