// Peers in a page that only reach each other through a TURN server, which is a real one.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { LOST_AND_FOUND } from "../support/relayed.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { startTurn } from "../support/turn.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();
let server;
let turn;

before(async () => {
  [server, turn] = await Promise.all([startServer(), startTurn()]);
});

after(() => Promise.all([server?.kill(), turn?.stop()]));

/** A page with a `world` whose TURN server and tokens are ours. */
const openPage = async (t) => {
  const page = await pages.open(t, { mayRefuse: true });
  const functions = {
    mint: (sub, isWrong) => token({ sub, metadata: { iceServers: isWrong ? turn.wrongServers : turn.iceServers } }),
    killRelay: turn.kill,
    startRelay: turn.start,
    restartServer: async () => {
      await server.kill();
      await server.start();
    },
  };
  for (const [name, act] of Object.entries(functions)) await page.exposeFunction(name, act);
  await page.evaluate((url) => {
    const { mint, killRelay, startRelay } = window;
    window.world = { url, mint, killRelay, startRelay, newConnection: (config) => new RTCPeerConnection(config) };
  }, server.url);
  return page;
};

/** What one of the functions in relayed.mjs answers in a page. */
const inPage = (page, name) => page.evaluate(async (name) => {
  const { scope } = await import("/tests/support/scope.mjs");
  const relayed = await import("/tests/support/relayed.mjs");
  const t = scope();
  const result = await relayed[name](t, window.world);
  await t.end();
  return result;
}, name);

test("a channel goes through a relay in Chromium, and both ends say so", async (t) => {
  const page = await openPage(t);
  assert.deepEqual(await inPage(page, "talkThroughRelay"), {
    arrived: ["through the relay"],
    routes: [["relay", "relay"], ["relay", "relay"]],
  });
});

test("a relay that dies and comes back interrupts a connection, and nothing that was sent is missing", async (t) => {
  const page = await openPage(t);
  assert.deepEqual(await inPage(page, "loseRelay"), LOST_AND_FOUND);
}, 120_000);

test("who found no relay finds the one of a later welcome, when the server comes back with it", async (t) => {
  const page = await openPage(t);
  const { data, stats, policy } = await page.evaluate(async () => {
    const { findsNoRelay, relayOnly } = await import("/tests/support/relayed.mjs");
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { DataChannel } = window.realtime;
    const t = scope();
    let isWrong = true;
    const later = { ...window.world, mint: (sub) => window.mint(sub, isWrong) };
    const { a, b, toA, toB } = await pair(t, relayOnly(later), relayOnly(later));
    // A remote that was not connected may have left and come again when the server is back.
    const everyRemote = (peer, act) => {
      peer.remotePeers.forEach(act);
      peer.on("peer-joined", (event) => act(event.peer));
    };
    const arrival = new Promise((resolve) => everyRemote(b, (remote) => remote.on("data-channel", ({ channel }) => {
      new DataChannel(channel).on("message", ({ data }) => resolve({ data, remote }));
    })));
    everyRemote(a, (remote) => {
      const channel = remote.openDataChannel("chat");
      channel.on("open", () => channel.send("found"));
    });
    await Promise.all([toA.pc, toB.pc].map(findsNoRelay));
    isWrong = false;
    await window.restartServer();
    const { data, remote } = await arrival;
    const stats = await remote.getStats();
    const policy = remote.pc.getConfiguration().iceTransportPolicy;
    await t.end();
    return { data, stats, policy };
  });
  assert.deepEqual([data, stats.route, policy], ["found", "relay", "relay"]);
});
