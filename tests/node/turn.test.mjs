// Peers that only reach each other through a TURN server, which is a real one: it works, it dies, it is told of later.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import wrtc from "@roamhq/wrtc";
import WebSocket from "ws";
import { findsNoRelay, loseRelay, LOST_AND_FOUND, relayOnly, talkThroughRelay } from "../support/relayed.mjs";
import { pair } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { startTurn } from "../support/turn.mjs";
import { once } from "../support/wait.mjs";

let server;
let turn;

before(async () => {
  [server, turn] = await Promise.all([startServer(), startTurn()]);
});

after(() => Promise.all([server?.kill(), turn?.stop()]));

const world = () => ({
  url: server.url,
  mint: (sub) => token({ sub, metadata: { iceServers: turn.iceServers } }),
  newConnection: (config) => new wrtc.RTCPeerConnection(config),
  killRelay: turn.kill,
  startRelay: turn.start,
});

test("a channel goes through a relay, and both ends say so", async (t) => {
  assert.deepEqual(await talkThroughRelay(t, world()), {
    arrived: ["through the relay"],
    routes: [["relay", "relay"], ["relay", "relay"]],
  });
});

test("a relay that dies and comes back interrupts a connection, and nothing that was sent is missing", async (t) => {
  assert.deepEqual(await loseRelay(t, world()), LOST_AND_FOUND);
}, 120_000);

test("a connection for which there was no relay finds the one of a later welcome, and still only relays", async (t) => {
  let { wrongServers: iceServers } = turn;
  const sockets = [];
  const webSocketFactory = (url) => {
    sockets.push(new WebSocket(url, { allowSynchronousEvents: false }));
    return sockets.at(-1);
  };
  const later = { ...world(), mint: (sub) => token({ sub, metadata: { iceServers } }) };
  const [ofA, ofB] = [relayOnly(later), relayOnly(later)].map((options) => ({ ...options, webSocketFactory }));
  const { toA, toB } = await pair(t, ofA, ofB);
  const connections = [toA.pc, toB.pc];
  const opened = once(toB.openDataChannel("chat"), "open");
  await Promise.all(connections.map(findsNoRelay));

  iceServers = turn.iceServers;
  for (const socket of [...sockets]) socket.terminate();
  await opened;
  assert.deepEqual([toA.pc, toB.pc], connections);
  assert.deepEqual(connections.map((pc) => pc.getConfiguration().iceTransportPolicy), ["relay", "relay"]);
  assert.equal((await toB.getStats()).route, "relay");
});
