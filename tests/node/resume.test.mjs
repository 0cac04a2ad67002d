// Sessions that outlive their sockets, and rooms that outlive their server. On servers of the tests' own.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { SignallingClient } from "metered-realtime";
import { channelName, connect, join, newClient, openChannel, pair, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

const reconnect = { initialDelayMs: 30, maxDelayMs: 100 };

/** A server of this test's own, and options to connect to it whose sockets can be reached. */
const ownServer = async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const options = { url: server.url, reconnect };
  const reachable = (sockets) => ({
    ...options,
    webSocketFactory: (url) => {
      const socket = new WebSocket(url);
      sockets.push(socket);
      return socket;
    },
  });
  return { server, options, reachable };
};

const isReconnect = { filter: (event) => event.isReconnect };
const numbers = (events) => events.payloads.map(({ data }) => data);
const upTo = (count) => Array.from({ length: count }, (_, n) => n + 1);

test("what was missed while away comes once, in order and before what is new, and nobody saw a flap", async (t) => {
  const { options, reachable } = await ownServer(t);
  const sockets = [];
  const away = await connect(t, reachable(sockets));
  const here = await connect(t, options);
  const channel = channelName();
  await away.subscribe(channel);
  await here.subscribe(channel);
  const [messages, directs, presence] = [record(away, "message"), record(away, "direct"), record(here, "presence")];
  await here.publish(channel, 1);
  await messages.reach(1);

  const { peerId } = away;
  const back = once(away, "connected", isReconnect);
  sockets[0].terminate();
  await once(away, "disconnected");
  for (const n of [2, 3]) await here.publish(channel, n);
  await here.send(peerId, "direct");
  const { resumed } = await back;
  await here.publish(channel, 4);
  await messages.reach(4);
  assert.deepEqual([resumed, away.peerId, numbers(messages), numbers(directs)], [true, peerId, upTo(4), ["direct"]]);
  assert.deepEqual(presence.payloads.slice(1), [], "the first is the snapshot");
});

test("what was written into a socket that was dead already is not lost", async (t) => {
  const { options, reachable } = await ownServer(t);
  const sockets = [];
  const away = await connect(t, reachable(sockets));
  const here = await connect(t, options);
  const channel = channelName();
  await away.subscribe(channel);
  const messages = record(away, "message");
  await here.publish(channel, 1);
  await messages.reach(1);
  // The network is gone, and neither side knows.
  sockets[0].pause();
  for (const n of [2, 3, 4]) await here.publish(channel, n);
  const back = once(away, "connected", isReconnect);
  sockets[0].terminate();
  assert.equal((await back).resumed, true);
  await messages.reach(4);
  assert.deepEqual(numbers(messages), upTo(4));
});

test("fifty cuts at any moment lose nothing and repeat nothing", async (t) => {
  const { options, reachable } = await ownServer(t);
  const sockets = [];
  const listener = await connect(t, { ...reachable(sockets), reconnect: { initialDelayMs: 1, maxDelayMs: 5, maxAttempts: Infinity } });
  const speaker = await connect(t, options);
  const channel = channelName();
  await listener.subscribe(channel);
  const messages = record(listener, "message");
  let resumed = 0;
  listener.on("connected", (event) => { resumed += Number(event.resumed); });
  for (const n of upTo(150)) {
    if (n % 3 === 0) sockets.at(-1).terminate();
    await speaker.publish(channel, n);
  }
  await messages.reach(150);
  assert.deepEqual(numbers(messages), upTo(150));
  assert.ok(resumed > 0, "at least the last cut was survived");
});

test("close() ends the session: a key has another peer id afterwards", async (t) => {
  const { options } = await ownServer(t);
  const client = await connect(t, options);
  const { peerId } = client;
  await client.close();
  const connected = once(client, "connected");
  await client.connect();
  assert.equal((await connected).resumed, false);
  assert.notEqual(client.peerId, peerId);
});

test("after a restart of the server a client with a key is who it was, and has its subscriptions", async (t) => {
  const { server, options } = await ownServer(t);
  const [a, b] = [await connect(t, options), await connect(t, options)];
  const channel = channelName();
  await a.subscribe(channel);
  const ids = [a.peerId, b.peerId];
  const back = [a, b].map((client) => once(client, "connected", isReconnect));
  const snapshot = once(a, "presence");
  await server.kill();
  await server.start();
  assert.deepEqual((await Promise.all(back)).map(({ peerId, resumed }) => [peerId, resumed]), ids.map((id) => [id, false]));
  await snapshot;
  const message = once(a, "message");
  await b.publish(channel, "again");
  assert.equal((await message).data, "again");
});

test("a stolen token is of no use without the credential that it was made for", async (t) => {
  const { server, options } = await ownServer(t);
  const frames = [];
  const client = await connect(t, { ...options, webSocketFactory: (url) => {
    const socket = new WebSocket(url);
    socket.on("message", (data) => frames.push(JSON.parse(data)));
    return socket;
  } });
  const stolen = encodeURIComponent(frames.find(({ type }) => type === "welcome").resume.token);
  const thief = await newClient(t, {
    apiKey: undefined, tokenProvider: () => token({ sub: "thief" }), url: server.url,
    webSocketFactory: (url) => new WebSocket(`${url}&resume=${stolen}&seen=0`),
  });
  const connected = once(thief, "connected");
  await thief.connect();
  assert.deepEqual([(await connected).resumed, thief.peerId, client.state], [false, "thief", "connected"]);
});

/** Two peers with an open channel over which numbers flow until `stop()`. */
const talking = async (t, options, otherOptions) => {
  const peers = await pair(t, options, otherOptions);
  const { ours, theirs } = await openChannel(peers.toB, peers.toA);
  await until(() => peers.toA.state === "connected" && peers.toB.state === "connected");
  const received = record(theirs, "message");
  const trouble = [];
  for (const remote of [peers.toA, peers.toB]) remote.on("connection-reset", () => trouble.push("connection-reset"));
  for (const peer of [peers.a, peers.b]) peer.on("peer-left", () => trouble.push("peer-left"));
  for (const channel of [ours, theirs]) channel.on("close", () => trouble.push("close"));
  let sent = 0;
  const timer = setInterval(() => ours.send(String(++sent)).catch((error) => trouble.push(error)), 5);
  t.after(() => clearInterval(timer));
  const stop = async () => {
    clearInterval(timer);
    await received.reach(sent);
    assert.deepEqual(numbers(received), upTo(sent).map(String));
    return trouble;
  };
  return { ...peers, stop };
};

const joinedAgain = (peer) => once(peer, "state-change", { filter: ({ to }) => to === "joined" });

test("a peer that loses its connection to the server keeps those to its remotes", async (t) => {
  const { options, reachable } = await ownServer(t);
  const sockets = [];
  const { a, toB, stop } = await talking(t, reachable(sockets), options);
  const { pc } = toB;
  const again = joinedAgain(a);
  sockets[0].terminate();
  await again;
  assert.deepEqual([toB.pc === pc, toB.state, await stop()], [true, "connected", []]);
});

test("a negotiation that the loss interrupts goes on afterwards", async (t) => {
  const { options, reachable } = await ownServer(t);
  const sockets = [];
  const { a, toB, toA, stop } = await talking(t, reachable(sockets), options);
  sockets[0].terminate();
  await until(() => a.state === "reconnecting");
  // An offer without a server to carry it.
  toB.pc.addTransceiver("audio");
  await until(() => toA.pc.getTransceivers().length === 1 && toB.pc.signalingState === "stable");
  assert.deepEqual(await stop(), []);
});

for (const end of ["stop", "kill"]) {
  test(`the server's ${end} and return interrupt no data channel`, async (t) => {
    const { server, options } = await ownServer(t);
    const { a, b, stop } = await talking(t, options);
    const again = [joinedAgain(a), joinedAgain(b)];
    const ids = [a.peerId, b.peerId];
    await server[end]();
    await server.start();
    await Promise.all(again);
    assert.deepEqual([a.peerId, b.peerId], ids);
    const data = once(b, "data");
    await a.send("by way of the server");
    assert.equal((await data).data, "by way of the server");
    assert.deepEqual(await stop(), []);
  });
}

test("a server that comes back loses nobody who takes longer to return", async (t) => {
  const { server, options } = await ownServer(t);
  const slowly = { ...options, reconnect: { initialDelayMs: 700, maxDelayMs: 700, jitterRatio: 0 } };
  const { a, b, stop } = await talking(t, options, slowly);
  const again = [joinedAgain(a), joinedAgain(b)];
  await server.kill();
  await server.start();
  await Promise.all(again);
  assert.deepEqual([a.remotePeers.length, b.remotePeers.length, await stop()], [1, 1, []]);
});

test("who does not return with the server has left in the end", async (t) => {
  const server = await startServer(0, { resumeGrace: 400 });
  t.after(() => server.kill());
  const options = { url: server.url, reconnect };
  const channel = channelName();
  const a = await join(t, channel, options);
  const b = await join(t, channel, { ...options, reconnect: false });
  await openChannel(await remoteOf(a, b.peerId), await remoteOf(b, a.peerId));
  const left = once(a, "peer-left");
  await server.kill();
  await server.start();
  assert.equal((await left).peer.id, b.peerId);
});

test("a client against a server without sessions sends no token", async (t) => {
  const server = await startServer(0, { resumeGrace: 0 });
  t.after(() => server.kill());
  const urls = [];
  const client = new SignallingClient({
    apiKey: "pk_live_dev", url: server.url, reconnect,
    webSocketFactory: (url) => {
      urls.push(url);
      return new WebSocket(url);
    },
  });
  t.after(() => client.close());
  await client.connect();
  const back = once(client, "connected", isReconnect);
  await server.kill();
  await server.start();
  assert.equal((await back).resumed, false);
  assert.ok(urls.length > 1 && urls.every((url) => !url.includes("resume")));
});
