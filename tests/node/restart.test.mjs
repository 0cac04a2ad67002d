// The server goes away and comes back, on the same port. Each test has a server of its own. Rooms are here on one that
// does not resume sessions; resume.test.mjs has them on one that does.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { DataChannel } from "metered-realtime";
import { channelName, connect, join, newPeer, openChannel, pair, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

const reconnect = { initialDelayMs: 30, maxDelayMs: 100 };

/** A server of this test's own, and the options to connect to it. */
const ownServer = async (t, settings) => {
  const server = await startServer(0, settings);
  t.after(() => server.kill());
  return { server, options: { url: server.url, reconnect } };
};

const forgetful = { resumeGrace: 0 };

const isReconnect = { filter: (event) => event.isReconnect };

for (const end of ["stop", "kill"]) {
  test(`a client comes back after the server's ${end}, renews its subscriptions and hears messages again`, async (t) => {
    const { server, options } = await ownServer(t);
    const [a, b] = [await connect(t, options), await connect(t, options)];
    const channel = channelName();
    await b.subscribe(channel);
    const goingAway = record(b, "going-away");
    const drop = once(b, "disconnected");
    const back = [once(a, "connected", isReconnect), once(b, "connected", isReconnect)];
    const snapshot = once(b, "presence", { filter: () => server.restarted });

    await server[end]();
    const { code, willReconnect } = await drop;
    assert.deepEqual([code, willReconnect], [end === "stop" ? 1001 : 1006, true]);
    assert.equal(goingAway.payloads.length, end === "stop" ? 1 : 0);
    assert.equal(b.state, "reconnecting");
    await assert.rejects(b.publish(channel, 1), { name: "NotConnectedError" });
    server.restarted = true;
    await server.start();
    await Promise.all([...back, snapshot]);

    const message = once(b, "message");
    await a.publish(channel, "again");
    assert.equal((await message).data, "again");
  });
}

test("with autoResubscribe off, a client comes back and subscribes to nothing", async (t) => {
  const { server, options } = await ownServer(t);
  const client = await connect(t, { ...options, autoResubscribe: false });
  const observer = await connect(t, options);
  const channel = channelName();
  await client.subscribe(channel);
  const back = [once(client, "connected", isReconnect), once(observer, "connected", isReconnect)];
  await server.kill();
  await server.start();
  await Promise.all(back);
  const snapshot = once(observer, "presence");
  await observer.subscribe(channel);
  assert.ok(!(await snapshot).joined.some((peer) => peer.peerId === client.peerId));
});

test("a client that may not reconnect, or has tried often enough, ends in closed", async (t) => {
  const { server, options } = await ownServer(t);
  const never = await connect(t, { ...options, reconnect: false });
  const twice = await connect(t, { ...options, reconnect: { ...reconnect, maxAttempts: 2 } });
  const drops = record(twice, "disconnected");
  const last = once(never, "disconnected");
  await server.kill();
  assert.equal((await last).willReconnect, false);
  assert.equal(never.state, "closed");
  await until(() => twice.state === "closed");
  assert.deepEqual(drops.payloads.map(({ willReconnect }) => willReconnect), [true, true, false]);
});

test("a peer that loses its own connection keeps its remotes, whose connections are reset", async (t) => {
  const { options } = await ownServer(t, forgetful);
  const sockets = [];
  const webSocketFactory = (url) => {
    sockets.push(new WebSocket(url));
    return sockets.at(-1);
  };
  const as = (sub, more) => ({ ...options, apiKey: undefined, tokenProvider: () => token({ sub, peerMetadata: { sub } }), ...more });
  const { a, b, toA, toB } = await pair(t, as("ann", { webSocketFactory }), as("bea"));
  const first = await openChannel(toB, toA);
  await until(() => toB.state === "connected");
  const oldConnection = toB.pc;
  const closed = [once(first.ours, "close"), once(first.theirs, "close")];
  const left = record(a, "peer-left");
  const states = record(toB, "state-change");

  // For the other side she left and came back.
  b.once("peer-joined", ({ peer }) => peer.createDataChannel("again"));
  const arrived = once(toB, "data-channel", { filter: ({ channel }) => channel.label === "again" });
  const reset = once(toB, "connection-reset");
  sockets[0].terminate();
  await reset;
  await Promise.all(closed);
  assert.notEqual(toB.pc, oldConnection);
  assert.equal(oldConnection.connectionState, "closed");
  assert.deepEqual([a.peerId, a.remotePeer("bea"), toB.metadata], ["ann", toB, { sub: "bea" }]);

  await arrived;
  await until(() => toB.state === "connected");
  assert.deepEqual(left.payloads, [], "nobody left");
  assert.deepEqual([...new Set(states.payloads.map(({ to }) => to))], ["reconnecting", "connected"]);
});

test("peers with keys come back under new ids: the old remotes leave, the new ones get channels", async (t) => {
  const { server, options } = await ownServer(t, forgetful);
  const { a, b, toA, toB } = await pair(t, options);
  await openChannel(toB, toA);
  const oldIds = [a.peerId, b.peerId];
  const left = [once(a, "peer-left"), once(b, "peer-left")];
  await server.kill();
  await server.start();
  assert.deepEqual((await Promise.all(left)).map(({ peer }) => peer), [toB, toA]);
  await until(() => a.state === "joined" && b.state === "joined");
  assert.ok(!oldIds.includes(a.peerId) && !oldIds.includes(b.peerId));

  const [newB, newA] = await Promise.all([remoteOf(a, b.peerId), remoteOf(b, a.peerId)]);
  assert.notEqual(newB, toB);
  const { ours, theirs } = await openChannel(newB, newA);
  const message = once(theirs, "message");
  await ours.send("hello again");
  assert.equal((await message).data, "hello again");
});

test("peers that come back long after one another find each other", async (t) => {
  const { server, options } = await ownServer(t, forgetful);
  const as = (sub, initialDelayMs) => ({ ...options, reconnect: { initialDelayMs, jitterRatio: 0 }, apiKey: undefined, tokenProvider: () => token({ sub }) });
  const { a, b, toA, toB } = await pair(t, as("fast", 20), as("slow", 700));
  await openChannel(toB, toA);
  const gone = once(a, "peer-left");
  await server.kill();
  await server.start();
  // The fast one is alone when it is back, so that the other has left for it.
  await gone;
  const remote = await remoteOf(a, "slow");
  await until(() => b.state === "joined");
  await openChannel(remote, await remoteOf(b, "fast"), { label: "late" });
});

test("a join while the server is away is rejected, and works when it is back", async (t) => {
  const { server, options } = await ownServer(t);
  await server.kill();
  const peer = await newPeer(t, options);
  await assert.rejects(peer.join(channelName()), { name: "SignallingConnectError", closeCode: 1006 });
  assert.equal(peer.state, "idle");
  await server.start();
  await peer.join(channelName());
  assert.equal(peer.state, "joined");
});

test("closing while reconnecting ends it at once", async (t) => {
  const { server, options } = await ownServer(t);
  const peer = await join(t, channelName(), options);
  const client = await connect(t, options);
  await server.kill();
  await until(() => peer.state === "reconnecting" && client.state === "reconnecting");
  const left = once(peer, "left");
  await Promise.all([peer.close("no patience"), client.close()]);
  assert.equal((await left).reason, "no patience");
  assert.deepEqual([peer.state, client.state], ["closed", "closed"]);
});

/** What an application does: the one with the higher id opens a channel, now and on every reset; everybody echoes. */
const keepTalking = (peer) => {
  const echoes = { count: 0 };
  peer.on("peer-joined", ({ peer: remote }) => {
    remote.on("data-channel", ({ channel }) => {
      const dc = new DataChannel(channel);
      dc.on("message", ({ data }) => dc.send(data));
    });
    if (peer.peerId < remote.id) return;
    const open = () => {
      const dc = new DataChannel(remote.createDataChannel("talk"));
      dc.on("open", () => dc.send("hello"));
      dc.on("message", () => { echoes.count += 1; });
    };
    open();
    remote.on("connection-reset", open);
  });
  return echoes;
};

test("peers who open their channel on peer-joined and connection-reset have one after each of five restarts", async (t) => {
  const { server, options } = await ownServer(t, forgetful);
  const as = (sub) => ({ ...options, apiKey: undefined, tokenProvider: () => token({ sub }) });
  const [a, b] = [await newPeer(t, as("one")), await newPeer(t, as("two"))];
  keepTalking(a);
  const echoes = keepTalking(b);
  const channel = channelName();
  await a.join(channel);
  await b.join(channel);
  for (let round = 1; round <= 5; round += 1) {
    await until(() => echoes.count > 0, `an echo before restart ${round}`);
    const rejoined = [a, b].map((peer) => once(peer, "state-change", { filter: ({ to }) => to === "joined" }));
    await server[round % 2 ? "stop" : "kill"]();
    echoes.count = 0;
    await server.start();
    await Promise.all(rejoined);
  }
  await until(() => echoes.count > 0, "an echo after the last restart");
});
