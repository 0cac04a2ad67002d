// A core that traps in a page: the same as in Node.

import assert from "node:assert/strict";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

test("a core that fails in a page closes every connection and tells every client of the page", async (t) => {
  const page = await pages.open(t);
  const seen = await page.evaluate(async () => {
    const { failNext } = await import("/tests/support/failing-core.mjs");
    // Another instance than the page's, which was there before its core could be made to fail.
    const { MeteredPeer, SignallingClient } = await import("/pkg/index.js?failing");
    const { access } = await import("/tests/support/server.mjs");
    const { channelName, remoteOf } = await import("/tests/support/room.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    const options = await access();
    const [a, b] = [new MeteredPeer(options), new MeteredPeer(options)];
    const client = new SignallingClient(options);
    const all = [a, b, client];
    const room = channelName();
    await a.join(room);
    await b.join(room);
    const [toA, toB] = [await remoteOf(b, a.peerId), await remoteOf(a, b.peerId)];
    const lasting = toA.openDataChannel("chat");
    await once(lasting, "open");
    await client.connect();
    const connections = [toA.pc, toB.pc];
    const told = Promise.all(all.map((one) => once(one, "error")));
    failNext();
    const publishing = client.publish(room, 1).catch(({ name, cause }) => [name, cause instanceof WebAssembly.RuntimeError]);
    const other = new window.realtime.SignallingClient(options);
    await other.connect();
    await other.close();
    return {
      told: (await told).map(({ err }) => err.name),
      publishing: await publishing,
      states: [...all, lasting].map(({ state, readyState }) => state ?? readyState),
      connections: connections.map(({ connectionState }) => connectionState),
      other: other.state,
    };
  });
  assert.deepEqual(seen, {
    told: Array(3).fill("InternalError"),
    publishing: ["InternalError", true],
    states: Array(4).fill("closed"),
    connections: ["closed", "closed"],
    other: "closed",
  });
});
