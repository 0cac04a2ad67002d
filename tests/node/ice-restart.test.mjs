// A connection that fails is restarted; ICE servers of a later welcome are configured. With connections of the test's own.

import assert from "node:assert/strict";
import { IceRestartExhaustedError, MeteredPeer, ReconcileTimeoutError } from "metered-realtime";
import { FakeConnection, FakeServer, Target } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

/** A connection that notes how it is asked for offers, and how it is configured. */
class Restartable extends FakeConnection {
  offers = [];
  configurations = [];

  createOffer(options) {
    this.offers.push(options);
    return super.createOffer();
  }

  getConfiguration() {
    return { iceTransportPolicy: "relay", iceServers: [], ...this.configurations.at(-1) };
  }

  setConfiguration(configuration) {
    this.configurations.push(configuration);
  }

  become(connectionState) {
    this.connectionState = connectionState;
    this.dispatch("connectionstatechange");
  }
}

/** A room with one remote, to whom the connection is `pc`. */
const inRoom = async (t, welcome) => {
  const server = new FakeServer();
  server.welcome = welcome;
  server.roster = [{ peerId: "bob" }];
  const peer = new MeteredPeer({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory,
    rtcPeerConnectionFactory: () => new Restartable(), reconnect: { initialDelayMs: 10, maxDelayMs: 10 },
  });
  t.after(() => peer.close());
  const joined = once(peer, "peer-joined");
  await peer.join("room");
  const { peer: remote } = await joined;
  return { server, peer, remote, pc: remote.pc };
};

const answer = (server) => server.socket.receive({
  type: "direct", from: "bob", data: { type: "rtc-description", description: { type: "answer", sdp: "v=0\r\n" } },
});

test("a connection that fails is restarted with a new generation, and is the same afterwards", async (t) => {
  const { server, remote, pc } = await inRoom(t);
  pc.become("connected");
  const states = record(remote, "state-change");
  pc.become("failed");
  await until(() => server.signals("rtc-description").length === 1);
  assert.deepEqual(pc.offers, [{ iceRestart: true }]);
  answer(server);
  await until(() => pc.signalingState === "stable");
  pc.become("connecting");
  pc.become("connected");
  assert.deepEqual(states.payloads.map(({ to }) => to), ["reconnecting", "connected"]);
  assert.equal(remote.pc, pc);
});

test("a failure that is announced too early, and not again, is noticed by the ICE state", async (t) => {
  const { server, remote, pc } = await inRoom(t);
  pc.become("connected");
  pc.connectionState = "disconnected";
  pc.iceConnectionState = "failed";
  pc.dispatch("connectionstatechange");
  await until(() => server.signals("rtc-description").length === 1);
  assert.deepEqual([remote.state, pc.offers], ["reconnecting", [{ iceRestart: true }]]);
});

test("a connection that the other side has closed is replaced, and not restarted", async (t) => {
  const { server, remote, pc } = await inRoom(t);
  pc.sctp = Object.assign(new Target(), { state: "connected" });
  pc.become("connected");
  const reset = once(remote, "connection-reset");
  pc.sctp.state = "closed";
  pc.sctp.dispatch("statechange");
  await reset;
  assert.notEqual(remote.pc, pc);
  assert.deepEqual([pc.offers, server.signals("rtc-description")], [[], []]);
  assert.equal(pc.sctp.added - pc.sctp.removed, 0, "nothing listens to it any more");
});

test("a connection is asked for its transport no more often than descriptions are agreed on", async (t) => {
  const { pc } = await inRoom(t);
  const transport = Object.assign(new Target(), { state: "connected" });
  let asked = 0;
  Object.defineProperty(pc, "sctp", { get: () => ((asked += 1), transport) });
  pc.become("connected");
  assert.equal(asked, 1);
  for (const name of ["iceconnectionstatechange", "connectionstatechange"]) pc.dispatch(name);
  assert.equal(asked, 1);
  pc.dispatch("signalingstatechange");
  assert.deepEqual([pc.signalingState, asked], ["stable", 2]);
});

test("restarts that nobody answers end, after nine of them, in one error", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = performance.now();
  t.mock.method(performance, "now", () => now);
  const { server, remote, pc } = await inRoom(t);
  server.onFrame = ({ type }) => type === "ping" && server.socket.receive({ type: "pong" });
  const errors = record(remote, "negotiation-error");
  pc.become("failed");
  for (let seconds = 0; seconds < 300; seconds += 1) {
    now += 1_000;
    t.mock.timers.tick(1_000);
    await new Promise(setImmediate);
  }
  assert.equal(errors.payloads.length, 1);
  assert.ok(errors.payloads[0].err instanceof IceRestartExhaustedError);
  assert.deepEqual([pc.offers.length, pc.offers.every((options) => options.iceRestart)], [9, true]);
});

test("ICE servers of a later welcome, and nothing else, are configured on the connections that stay", async (t) => {
  const session = { resume: { token: "t", graceMs: 15_000 } };
  const { server, peer, remote, pc } = await inRoom(t, session);
  pc.become("connected");
  const iceServers = [{ urls: "stun:stun.example" }];
  server.welcome = { ...session, resumed: true, metadata: { iceServers } };
  const rejoined = once(peer, "state-change", { filter: ({ to }) => to === "joined" });
  server.socket.drop();
  await rejoined;
  assert.deepEqual([remote.pc === pc, pc.configurations], [true, [{ iceTransportPolicy: "relay", iceServers }]]);
});

test("a connection that takes no new ICE servers is left as it is", async (t) => {
  const session = { resume: { token: "t", graceMs: 15_000 } };
  const { server, peer, remote, pc } = await inRoom(t, session);
  pc.become("connected");
  pc.setConfiguration = undefined;
  server.welcome = { ...session, resumed: true, metadata: { iceServers: [{ urls: "stun:stun.example" }] } };
  const rejoined = once(peer, "state-change", { filter: ({ to }) => to === "joined" });
  server.socket.drop();
  await rejoined;
  assert.equal(remote.pc, pc);
});

test("a roster that does not come after a reconnect is an error of the room, and better late than never", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = performance.now();
  t.mock.method(performance, "now", () => now);
  const { server, peer } = await inRoom(t);
  const errors = record(peer, "error");
  // Subscribes are answered, without a roster.
  server.onFrame = ({ type, requestId }, socket) => {
    if (type === "ping") socket.receive({ type: "pong" });
    if (type === "subscribe") socket.receive({ type: "ack", requestId });
    return type === "subscribe" || type === "ping";
  };
  server.socket.drop();
  for (let seconds = 0; seconds < 40; seconds += 1) {
    now += 1_000;
    t.mock.timers.tick(1_000);
    await new Promise(setImmediate);
  }
  assert.equal(server.sent("subscribe").length, 3);
  assert.deepEqual(errors.payloads.map(({ err }) => err instanceof ReconcileTimeoutError), [true]);
  assert.equal(peer.state, "reconnecting");
  server.socket.receive({ type: "presence", channel: "room", joined: [], left: [] });
  assert.equal(peer.state, "joined");
});
