// A room's roster: who is there, who comes, who goes, and the object that stands for each.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { channelName, join, newPeer, pair, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

test("a peer goes from idle over joining to joined, and then knows its id and channel", async (t) => {
  const peer = await newPeer(t);
  assert.deepEqual([peer.state, peer.peerId, peer.channel, peer.remotePeers], ["idle", null, null, []]);
  const states = record(peer, "state-change");
  const joined = once(peer, "joined");
  const channel = channelName();
  await peer.join(channel);
  assert.deepEqual(states.payloads.map(({ to }) => to), ["joining", "joined"]);
  assert.deepEqual(await joined, { peerId: peer.peerId, channel });
  assert.deepEqual([peer.state, peer.channel], ["joined", channel]);
  assert.match(peer.peerId, /./);
});

test("peer-joined fires for those who were there before, after joined, and for those who come later", async (t) => {
  const channel = channelName();
  const early = await join(t, channel);
  const seenByEarly = record(early, "peer-joined");

  const late = await newPeer(t);
  const order = [];
  late.on("joined", () => order.push("joined"));
  late.on("peer-joined", ({ peer }) => order.push(peer.id));
  await late.join(channel);
  await until(() => order.length === 2);
  assert.deepEqual(order, ["joined", early.peerId]);

  await seenByEarly.reach(1);
  assert.equal(seenByEarly.payloads[0].peer.id, late.peerId);
});

test("a peer does not see itself", async (t) => {
  const { a, b } = await pair(t);
  assert.deepEqual(a.remotePeers.map((remote) => remote.id), [b.peerId]);
  assert.equal(a.remotePeer(a.peerId), undefined);
});

test("one object stands for a remote in every event, in remotePeers and in remotePeer()", async (t) => {
  const channel = channelName();
  const a = await join(t, channel);
  const joined = once(a, "peer-joined");
  const b = await join(t, channel);
  const { peer: remote } = await joined;
  assert.equal(a.remotePeers[0], remote);
  assert.equal(a.remotePeer(b.peerId), remote);
  assert.equal(a.remotePeers[0], a.remotePeers[0]);

  const left = once(a, "peer-left");
  await b.close();
  assert.equal((await left).peer, remote);
});

test("a remote shows its id, state and politeness, and who is polite is agreed upon", async (t) => {
  const { a, b, toA, toB } = await pair(t);
  assert.equal(toB.id, b.peerId);
  assert.equal(toB.state, "idle");
  assert.equal(toB.polite, a.peerId < b.peerId);
  assert.equal(toA.polite, !toB.polite);
  assert.equal(toB.metadata, undefined);
  assert.equal(typeof toB.pc.createDataChannel, "function");
});

test("a remote that left is closed, refuses to send, and stays readable", async (t) => {
  const { a, b, toB } = await pair(t);
  const id = b.peerId;
  const states = record(toB, "state-change");
  const left = once(a, "peer-left");
  await b.close();
  await left;
  assert.deepEqual([toB.id, toB.state, a.remotePeers], [id, "closed", []]);
  assert.deepEqual(states.payloads.map(({ to }) => to), ["closed"]);
  await assert.rejects(toB.send(1), { name: "InvalidStateError" });
  assert.throws(() => toB.createDataChannel("late"), { name: "InvalidStateError" });
});

test("everyone in a larger room sees everyone else", async (t) => {
  const channel = channelName();
  const peers = await Promise.all(Array.from({ length: 6 }, () => join(t, channel)));
  for (const peer of peers) {
    const others = peers.filter((other) => other !== peer).map((other) => other.peerId).sort();
    await until(() => peer.remotePeers.length === others.length);
    assert.deepEqual(peer.remotePeers.map((remote) => remote.id), others, "in the order of their ids");
  }
});

test("peers of different channels do not see each other", async (t) => {
  const a = await join(t, channelName());
  const b = await join(t, channelName());
  const channel = channelName();
  await join(t, channel);
  await join(t, channel);
  assert.deepEqual([...a.remotePeers, ...b.remotePeers], []);
});

test("close leaves the room once, with the reason given, and closes every connection", async (t) => {
  const { a, b, channel, toB } = await pair(t);
  const { pc } = toB;
  const left = record(a, "left");
  const gone = once(b, "peer-left");
  const id = a.peerId;
  await Promise.all([a.close("enough"), a.close()]);
  await a.close();
  assert.deepEqual(left.payloads, [{ peerId: id, channel, reason: "enough" }]);
  assert.deepEqual([a.state, a.channel, a.remotePeers], ["closed", null, []]);
  assert.equal(pc.connectionState, "closed");
  assert.equal((await gone).peer.id, id);
});

test("a peer is disposed of like a client", async (t) => {
  const peer = await join(t, channelName());
  await peer[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
  assert.equal(peer.state, "closed");
});

test("what peers and remotes show of themselves is short and holds no credential", async (t) => {
  const { a, b, channel, toB } = await pair(t);
  assert.deepEqual(JSON.parse(JSON.stringify(a)), { state: "joined", peerId: a.peerId, channel });
  assert.deepEqual(JSON.parse(JSON.stringify(toB)), { id: b.peerId, state: "idle" });
  assert.doesNotMatch(inspect([a, toB], { depth: 9, showHidden: true }), /pk_live/);
});

test("the events of a remote can be read as a stream that ends when it leaves", async (t) => {
  const { b, toB } = await pair(t);
  const states = (async () => {
    const seen = [];
    for await (const { to } of toB.events("state-change")) seen.push(to);
    return seen;
  })();
  await b.close();
  assert.deepEqual(await states, ["closed"]);
});

test("a peer whose process dies is gone for the others, once it might have come back", async (t) => {
  const sockets = [];
  const { default: WebSocket } = await import("ws");
  const webSocketFactory = (url) => {
    const socket = new WebSocket(url);
    sockets.push(socket);
    return socket;
  };
  const server = await startServer(0, { resumeGrace: 200 });
  t.after(() => server.kill());
  const channel = channelName();
  const a = await join(t, channel, { url: server.url });
  const b = await join(t, channel, { url: server.url, webSocketFactory, reconnect: false });
  await remoteOf(a, b.peerId);
  const left = once(a, "peer-left");
  sockets[0].terminate();
  assert.equal((await left).peer.id, b.peerId);
  await until(() => b.state === "closed");
});
