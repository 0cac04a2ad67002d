// A subscribe's answer and the roster that follows it may come out of one read of the socket, and be dispatched
// before any microtask runs. Then the roster is there before anybody has seen the answer.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { MeteredPeer, SignallingClient } from "metered-realtime";
import { FakeServer } from "../support/fakes.mjs";
import { channelName, connect, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

/** The `ws` package's own default: all frames of one read are dispatched in one go. */
const webSocketFactory = (url) => new WebSocket(url, { allowSynchronousEvents: true });

test("a room joined over such sockets has its roster, 20 times", async (t) => {
  const channel = channelName();
  const host = await join(t, channel, { webSocketFactory });
  for (let round = 0; round < 20; round += 1) {
    const guest = await join(t, channel, { webSocketFactory });
    assert.equal((await remoteOf(guest, host.peerId)).id, host.peerId);
    await guest.close();
  }
});

test("a client that subscribes over such a socket hears the snapshot", async (t) => {
  const channel = channelName();
  const host = await connect(t);
  await host.subscribe(channel);
  const guest = await connect(t, { webSocketFactory });
  const presence = once(guest, "presence");
  await guest.subscribe(channel);
  assert.ok((await presence).joined.some((peer) => peer.peerId === host.peerId));
});

/** A server that answers a subscribe with these frames in one turn. */
const server = (order) => {
  const server = new FakeServer();
  server.onFrame = (frame, socket) => {
    if (frame.type !== "subscribe") return false;
    const ack = { type: "ack", requestId: frame.requestId };
    const presence = { type: "presence", channel: frame.channel, joined: [{ peerId: "other" }], left: [] };
    for (const name of order) socket.receive({ ack, presence }[name]);
    return true;
  };
  return server;
};

for (const order of [["ack", "presence"], ["presence", "ack"]]) {
  test(`${order.join(" and then ")} in one turn: joined comes first, then the peer`, async (t) => {
    const { factory } = server(order);
    const peer = new MeteredPeer({ apiKey: "k", url: "ws://localhost", webSocketFactory: factory });
    t.after(() => peer.close());
    const order_ = [];
    peer.on("joined", () => order_.push("joined"));
    peer.on("peer-joined", ({ peer: remote }) => order_.push(remote.id));
    await peer.join("room");
    await until(() => order_.length === 2);
    assert.deepEqual(order_, ["joined", "other"]);
  });

  test(`${order.join(" and then ")} in one turn: a client's presence event is not lost`, async (t) => {
    const { factory } = server(order);
    const client = new SignallingClient({ apiKey: "k", url: "ws://localhost", webSocketFactory: factory });
    t.after(() => client.close());
    const presence = record(client, "presence");
    await client.connect();
    await client.subscribe("room");
    await presence.reach(1);
    assert.deepEqual(presence.payloads, [{ channel: "room", joined: [{ peerId: "other" }], left: [] }]);
  });
}
