// 200 peers come, echo and go in a page: every connection is closed, and the wasm memory does not grow.

import assert from "node:assert/strict";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages({ flags: ["--js-flags=--expose-gc"] });

test("200 peers in batches leave every connection closed and no client in the wasm memory", async (t) => {
  const page = await pages.open(t);
  const result = await page.evaluate(async () => {
    const { channelName, remoteOf } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    const connections = [];
    const rtcPeerConnectionFactory = (config) => {
      connections.push(new RTCPeerConnection(config));
      return connections.at(-1);
    };
    // A second instance of the package, whose wasm instance we can see.
    const { wasmBytes } = await import("/tests/support/wasm-memory.mjs");
    const { MeteredPeer, DataChannel } = await import("/pkg/index.js?watched");
    const { access } = await import("/tests/support/server.mjs");

    const together = async () => {
      const t = scope();
      const channel = channelName();
      const join = async () => {
        const peer = new MeteredPeer({ ...(await access()), rtcPeerConnectionFactory });
        t.after(() => peer.close());
        await peer.join(channel);
        return peer;
      };
      const [a, b] = [await join(), await join()];
      const [toB, toA] = await Promise.all([remoteOf(a, b.peerId), remoteOf(b, a.peerId)]);
      toA.on("data-channel", ({ channel }) => {
        const dc = new DataChannel(channel);
        dc.on("message", ({ data }) => dc.send(data));
      });
      const dc = new DataChannel(toB.createDataChannel("chat"));
      const echo = once(dc, "message");
      dc.on("open", () => dc.send("x"));
      await echo;
      await t.end();
    };
    const batch = async () => {
      await Promise.all([1, 2, 3, 4, 5].map(together));
      for (let i = 0; i < 3; i += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    for (let i = 0; i < 6; i += 1) await batch();
    const before = wasmBytes();
    for (let i = 0; i < 20; i += 1) await batch();
    return { before, after: wasmBytes(), peers: connections.length, open: connections.filter((pc) => pc.connectionState !== "closed").length };
  });
  assert.ok(result.before > 0 && result.peers >= 200);
  assert.equal(result.open, 0, "connections are still open");
  // When the page collects is its own affair: a page of memory more is a moment in which more peers were waiting for that.
  // 200 clients that leak take several.
  assert.ok(result.after - result.before <= 65_536, `the wasm memory has grown from ${result.before} to ${result.after} bytes`);
});
