// Rooms that are left by themselves, and calls of a room that are given up.

import assert from "node:assert/strict";
import { MeteredPeer } from "metered-realtime";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { channelName, join, newPeer } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, settle } from "../support/wait.mjs";

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** A peer on a server that a test controls. */
const setUp = (t, hesitate = () => {}) => {
  const server = Object.assign(new FakeServer(), { hesitate });
  const webSocketFactory = (url) => {
    const socket = server.factory(url);
    server.hesitate(socket, server);
    return socket;
  };
  const peer = new MeteredPeer({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory, rtcPeerConnectionFactory: () => new FakeConnection(),
  });
  t.after(() => peer.close());
  return { server, peer };
};

test("joined() joins, and what it answers leaves when it is disposed of", async (t) => {
  const channel = channelName();
  const witness = await join(t, channel);
  const peer = await newPeer(t);
  const came = once(witness, "peer-joined");
  const room = await peer.joined(channel, { includeSenderMetadata: true });
  assert.deepEqual([room, room.state, room.channel], [peer, "joined", channel]);
  await came;
  const left = once(witness, "peer-left");
  await room[asyncDispose]();
  await left;
  assert.equal(peer.state, "closed");
});

test("joined() fails as join() does, and leaves the peer as it was", async (t) => {
  const peer = await newPeer(t);
  await assert.rejects(peer.joined("_metered/secret"), { name: "MeteredPeerSendError", code: "reserved_channel" });
  assert.equal(peer.state, "idle");
});

/** Each is a server that lets a join wait for ever. */
const hesitant = {
  "that does not welcome": (socket) => { socket.welcome = () => {}; },
  "that does not answer": (socket, server) => { server.onFrame = ({ type }) => type === "subscribe"; },
};

for (const [which, hesitate] of Object.entries(hesitant)) {
  test(`a join to a server ${which} can be aborted: the peer is idle, its socket closed, and the next join works`, async (t) => {
    const { server, peer } = setUp(t, hesitate);
    const controller = new AbortController();
    const joining = peer.join("room", { signal: controller.signal });
    await settle();
    assert.equal(peer.state, "joining");
    controller.abort();
    assert.equal(peer.state, "idle");
    await assert.rejects(joining, { name: "AbortError" });
    await settle();
    assert.equal(server.socket.readyState, 3);

    server.hesitate = () => {};
    server.onFrame = () => false;
    await peer.join("room");
    assert.deepEqual([peer.state, server.sockets.length], ["joined", 2]);
  });
}

test("a signal has no hold on a room that is joined", async (t) => {
  const { peer } = setUp(t);
  const controller = new AbortController();
  await peer.join("room", { signal: controller.signal });
  controller.abort();
  assert.equal(peer.state, "joined");
});

test("a join with a signal that is aborted already connects to nothing", async (t) => {
  const { server, peer } = setUp(t);
  await assert.rejects(peer.joined("room", { signal: AbortSignal.abort(new Error("enough")) }), { message: "enough" });
  assert.deepEqual([peer.state, server.sockets.length], ["idle", 0]);
  await assert.rejects(peer.join("room", { signal: "soon" }), { name: "TypeError", message: /`signal`/ });
});

test("what is sent by way of the server can be given up, and its answer disturbs nobody", async (t) => {
  const { server, peer } = setUp(t);
  server.roster = [{ peerId: "you" }];
  await peer.join("room");
  const [remote] = peer.remotePeers;
  server.onFrame = ({ type }) => type === "publish" || type === "send";
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [peer.send(1, { signal }), peer.sendTo("you", 2, { signal }), remote.send(3, { signal })];
  await settle();
  controller.abort(new Error("enough"));
  for (const call of calls) await assert.rejects(call, { message: "enough" });
  const sent = [...server.sent("publish"), ...server.sent("send")];
  assert.deepEqual(sent.map(({ data }) => data), [1, 2, 3]);
  for (const { requestId } of sent) server.socket.receive({ type: "ack", requestId });
  server.onFrame = () => false;
  await peer.send(4);
});
