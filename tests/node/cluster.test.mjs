// Two servers that are one over NATS, and a load balancer in front of them.

import assert from "node:assert/strict";
import { connect as open, createServer } from "node:net";
import { once as next } from "node:events";
import { channelName, join, openChannel, remoteOf } from "../support/room.mjs";
import { startNats } from "../support/nats.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { once, record } from "../support/wait.mjs";

/** Two servers that are killed when the test ends. */
const twoServers = async (t) => {
  const nats = await startNats();
  t.after(() => nats.stop());
  const servers = await Promise.all([1, 2].map(() => startServer(0, { nats: nats.url })));
  t.after(() => Promise.all(servers.map((server) => server.kill())));
  return servers;
};

/** Passes connections on to whichever server `balancer.to` is. */
const startBalancer = async (t, to) => {
  const balancer = { to };
  const listener = createServer((socket) => {
    const target = new URL(balancer.to.httpUrl);
    const there = open(Number(target.port), target.hostname);
    for (const [from, onward] of [[socket, there], [there, socket]]) {
      from.on("error", () => onward.destroy()).on("close", () => onward.destroy());
      from.pipe(onward);
    }
  }).listen(0, "127.0.0.1");
  await next(listener, "listening");
  t.after(() => listener.close());
  balancer.url = `ws://127.0.0.1:${listener.address().port}`;
  return balancer;
};

test("peers at two servers meet, and their data channel outlives the move of one to the other's", async (t) => {
  const [first, second] = await twoServers(t);
  const balancer = await startBalancer(t, first);
  const channel = channelName();
  const a = await join(t, channel, { url: balancer.url, reconnect: { initialDelayMs: 30, maxDelayMs: 100 } });
  const b = await join(t, channel, { url: second.url });
  const [toB, toA] = await Promise.all([remoteOf(a, b.peerId), remoteOf(b, a.peerId)]);
  const { ours, theirs } = await openChannel(toB, toA);
  const before = once(theirs, "message");
  await ours.send("before");
  assert.equal((await before).data, "before");

  const [left, resets] = [record(b, "peer-left"), record(toA, "connection-reset")];
  const id = a.peerId;
  const back = once(a, "state-change", { filter: ({ to }) => to === "joined" });
  balancer.to = second;
  await first.kill();
  await back;
  assert.equal(a.peerId, id);
  const after = once(theirs, "message");
  await ours.send("after");
  assert.equal((await after).data, "after");
  assert.deepEqual([left.payloads, resets.payloads], [[], []]);
});
