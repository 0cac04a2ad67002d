// Connections that never fire `negotiationneeded`, as those of `node-datachannel/polyfill`: they can answer, and whoever
// wants to open something on them is told why that fails.

import assert from "node:assert/strict";
import { after } from "node:test";
import { DataChannel, MeteredPeer } from "metered-realtime";
import { cleanup } from "node-datachannel";
import { RTCPeerConnection } from "node-datachannel/polyfill";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { openChannel, pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

const mute = { rtcPeerConnectionFactory: (config) => new RTCPeerConnection(config) };

// Until then its threads keep the process.
after(cleanup);

test("a channel that such a connection is to open ends in an error that names what is missing", async (t) => {
  const { toB } = await pair(t, mute, {});
  const errors = record(toB, "negotiation-error");
  toB.createDataChannel("in vain");
  await errors.reach(1);
  const [{ err }] = errors.payloads;
  assert.ok(err instanceof Error);
  assert.equal(err.name, "NotSupportedError");
  assert.match(err.message, /negotiationneeded/);
});

test("such a connection answers who opens a channel to it, and a channel of its own opens then", async (t) => {
  const { toA, toB } = await pair(t, mute, {});
  const errors = record(toB, "negotiation-error");
  const { ours, theirs } = await openChannel(toA, toB);
  const heard = once(theirs, "message");
  await ours.send("hello");
  assert.equal((await heard).data, "hello");
  const back = await openChannel(toB, toA, { label: "back" });
  const answer = once(back.theirs, "message");
  await back.ours.send("hello to you");
  assert.equal((await answer).data, "hello to you");
  assert.deepEqual(errors.payloads, []);
});

test("both open a channel in the same moment: the other side's offer serves both", async (t) => {
  const { toA, toB } = await pair(t, mute, {});
  const errors = record(toB, "negotiation-error");
  await Promise.all([once(new DataChannel(toB.createDataChannel("from a")), "open"), once(new DataChannel(toA.createDataChannel("from b")), "open")]);
  assert.deepEqual(errors.payloads, []);
});

/** A connection that asks for a negotiation only when a test says so. */
class MuteConnection extends FakeConnection {
  createDataChannel(label) {
    const [first] = this.channels;
    this.channels.push(first);
    const channel = super.createDataChannel(label);
    this.channels.shift();
    return channel;
  }
}

/** A room with one remote over a connection that never asks, and the negotiation errors of that. */
const fake = async (t) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "bob" }];
  const connection = new MuteConnection();
  const peer = new MeteredPeer({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory, rtcPeerConnectionFactory: () => connection,
  });
  t.after(() => peer.close());
  await peer.join("room");
  await settle();
  const [remote] = peer.remotePeers;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return { peer, connection, remote, errors: record(remote, "negotiation-error") };
};

test("it is told after a second, once for each connection", async (t) => {
  const { remote, errors } = await fake(t);
  remote.createDataChannel("one");
  t.mock.timers.tick(999);
  assert.equal(errors.payloads.length, 0);
  remote.createDataChannel("two");
  t.mock.timers.tick(1);
  assert.equal(errors.payloads.length, 1);
  t.mock.timers.tick(10_000);
  assert.equal(errors.payloads.length, 1);
});

test("it is not told where the connection asks, the remote has offered, or the peer is closed", async (t) => {
  const ends = [
    ({ connection }) => connection.dispatch("negotiationneeded"),
    ({ connection }) => { connection.remoteDescription = { type: "offer", sdp: "v=0\r\n" }; },
    ({ peer }) => void peer.close(),
  ];
  for (const end of ends) {
    const room = await fake(t);
    room.remote.createDataChannel("one");
    end(room);
    t.mock.timers.tick(10_000);
    assert.deepEqual(room.errors.payloads, [], String(end));
    t.mock.timers.reset();
  }
});

test("a channel that lasts says it too", async (t) => {
  const { remote, errors } = await fake(t);
  assert.ok(remote.openDataChannel("chat") instanceof DataChannel);
  t.mock.timers.tick(1_000);
  assert.equal(errors.payloads[0].err.name, "NotSupportedError");
});
