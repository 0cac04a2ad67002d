// Channels of `remote.openDataChannel()` in a page, where another stack tells what becomes of them in its own way.

import assert from "node:assert/strict";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

test("a channel survives in Chromium that its connection is replaced, and everything that waited arrives in order", async (t) => {
  const page = await pages.open(t);
  const server = await startServer(0, { resumeGrace: 0 });
  t.after(() => server.kill());
  const { events, messages, labels, stats } = await page.evaluate(async (url) => {
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
    const [events, messages, labels] = [[], [], []];
    const welcome = (remote) => remote.on("data-channel", ({ channel }) => {
      labels.push(channel.label);
      new DataChannel(channel).on("message", ({ data }) => messages.push(data));
    });
    welcome(toA);
    b.on("peer-joined", ({ peer }) => welcome(peer));
    const dc = toB.openDataChannel("chat");
    for (const name of ["open", "close"]) dc.on(name, () => events.push(`${name}: ${dc.readyState}`));
    await dc.send("0");
    await until(() => messages.length === 1);
    for (let round = 0; round < 3; round += 1) {
      const [gap, reset] = [once(dc, "close"), once(toB, "connection-reset")];
      // For the others we have left, and come back.
      sockets.at(-1).close();
      await gap;
      await Promise.all(Array.from({ length: 20 }, (_, n) => dc.send(`${round * 20 + n + 1}`)));
      await reset;
      await until(() => messages.length === (round + 1) * 20 + 1);
    }
    const stats = await toB.getStats();
    await t.end();
    return { events, messages, labels, stats };
  }, server.url);
  assert.deepEqual(messages, Array.from({ length: 61 }, (_, n) => `${n}`));
  const again = ["close: connecting", "open: open"];
  assert.deepEqual(events, ["open: open", ...again, ...again, ...again, "close: closed"]);
  assert.deepEqual(labels, ["chat", "chat", "chat", "chat"]);
  assert.match(stats.route, /^(host|prflx)$/);
  assert.ok(stats.bytesSent > 0 && stats.bytesReceived > 0 && stats.roundTripTimeMs >= 0 && stats.protocol === "udp");
});

test("in Chromium too a channel is closed for good by the other side's close(), and for now by the end of its connection", async (t) => {
  const page = await pages.open(t);
  const states = await page.evaluate(async () => {
    const { closesOfBothKinds } = await import("/tests/support/closes.mjs");
    return closesOfBothKinds();
  });
  assert.deepEqual(states, ["closed", "connecting", "connecting"]);
});
