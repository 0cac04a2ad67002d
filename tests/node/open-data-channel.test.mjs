// Channels of `remote.openDataChannel()`: what they do when the connection under them is replaced, and what ends them.
// First with real connections, on servers that forget whoever goes; then on connections that a test controls.

import assert from "node:assert/strict";
import { DataChannel, DataChannelOverflowError, MeteredPeer } from "metered-realtime";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { channelName, newPeer, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, settle, until } from "../support/wait.mjs";

/**
 * Ann and bea in a room. When the server restarts, ann comes back after bea: bea has seen her leave by then and closed
 * the connection, while for ann bea was there all the time. Answers the two, and what bea got: channels and messages.
 */
const meet = async (t) => {
  const server = await startServer(0, { resumeGrace: 0 });
  t.after(() => server.kill());
  const as = (sub, initialDelayMs) => ({
    url: server.url, apiKey: undefined, tokenProvider: () => token({ sub }), reconnect: { initialDelayMs, multiplier: 1, jitterRatio: 0 },
  });
  const channel = channelName();
  const bea = await newPeer(t, as("bea", 20));
  const got = { channels: [], messages: [] };
  bea.on("peer-joined", ({ peer }) => peer.on("data-channel", ({ channel }) => {
    const dc = new DataChannel(channel);
    got.channels.push(dc);
    dc.on("message", ({ data }) => got.messages.push(data));
  }));
  await bea.join(channel);
  const ann = await newPeer(t, as("ann", 400));
  await ann.join(channel);
  const [toBea] = await Promise.all([remoteOf(ann, "bea"), remoteOf(bea, "ann")]);
  const restart = async () => {
    const back = once(bea, "peer-joined");
    await server.kill();
    await server.start();
    await back;
  };
  return { ann, bea, toBea, got, restart };
};

/** The states in which the events of a channel found it. */
const history = (dc) => {
  const seen = [];
  for (const name of ["open", "close"]) dc.on(name, () => seen.push(`${name}: ${dc.readyState}`));
  return seen;
};

const sorted = (messages) => [...messages].sort();

test("what is sent before the channel is open waits, and arrives", async (t) => {
  const { toBea, got } = await meet(t);
  const dc = toBea.openDataChannel("chat", { protocol: "p" });
  assert.ok(dc instanceof DataChannel);
  assert.deepEqual([dc.label, dc.readyState, dc.bufferedAmount], ["chat", "connecting", 0]);
  await Promise.all(["1", "2", "3"].map((text) => dc.send(text)));
  assert.equal(dc.readyState, "open");
  await until(() => got.messages.length === 3);
  assert.deepEqual(sorted(got.messages), ["1", "2", "3"]);
  assert.deepEqual(got.channels.map(({ label }) => label), ["chat"]);
});

test("a channel survives that its connection is replaced: the same object closes, opens and delivers what waited", async (t) => {
  const { toBea, got, restart } = await meet(t);
  const dc = toBea.openDataChannel("chat");
  const heard = record(dc, "message");
  await once(dc, "open");
  const events = history(dc);
  const reset = once(toBea, "connection-reset");
  const [{ pc }, gap] = [toBea, once(dc, "close")];
  const restarted = restart();
  await gap;
  const sends = ["1", "2", "3", "4", "5"].map((text) => dc.send(text));
  await Promise.all(sends);
  await Promise.all([restarted, reset]);
  assert.notEqual(toBea.pc, pc);
  await until(() => got.messages.length === 5);
  assert.deepEqual(sorted(got.messages), ["1", "2", "3", "4", "5"]);
  assert.deepEqual(events, ["close: connecting", "open: open"]);

  assert.equal(got.channels.length, 2, "bea has a native channel for each connection");
  await got.channels[1].send("and back");
  await heard.reach(1);
});

test("it survives five restarts in a row, and loses nothing that it did not take", async (t) => {
  const { toBea, got, restart } = await meet(t);
  const dc = toBea.openDataChannel("chat");
  await dc.send("0");
  for (let round = 1; round <= 5; round += 1) {
    await until(() => got.messages.length === round);
    const [gap, open] = [once(dc, "close"), once(dc, "open")];
    const restarted = restart();
    await gap;
    await dc.send(`${round}`);
    await Promise.all([open, restarted]);
  }
  await until(() => got.messages.length === 6);
  assert.deepEqual(got.messages, ["0", "1", "2", "3", "4", "5"]);
  assert.equal(got.channels.length, 6);
});

test("between two connections no more sends wait than maxQueuedSends", async (t) => {
  const { toBea, got, restart } = await meet(t);
  const dc = toBea.openDataChannel("chat", { maxQueuedSends: 2, maxBufferedAmount: Infinity });
  await dc.send("0");
  const gap = once(dc, "close");
  const restarted = restart();
  await gap;
  const sends = [dc.send("1"), dc.send("2")];
  await assert.rejects(dc.send("3"), (error) => error instanceof DataChannelOverflowError && error.queued === 2 && error.cap === 2);
  await Promise.all([...sends, restarted]);
  await until(() => got.messages.length === 3);
  assert.deepEqual(sorted(got.messages), ["0", "1", "2"]);
});

test("close() between two connections is the end: what waits is rejected, and nothing is opened again", async (t) => {
  const { toBea, got, restart } = await meet(t);
  const dc = toBea.openDataChannel("chat");
  await once(dc, "open");
  const [events, gap, reset] = [history(dc), once(dc, "close"), once(toBea, "connection-reset")];
  const restarted = restart();
  await gap;
  const waiting = assert.rejects(dc.send("never"), { name: "InvalidStateError" });
  dc.close();
  await Promise.all([waiting, restarted, reset]);
  const other = toBea.openDataChannel("other");
  await other.send("x");
  await until(() => got.messages.length === 1);
  assert.deepEqual(events, ["close: connecting", "close: closed"]);
  assert.deepEqual(got.channels.map(({ label }) => label), ["chat", "other"]);
  await assert.rejects(dc.send("late"), { name: "InvalidStateError" });
});

test("the channel ends when the remote leaves", async (t) => {
  const { bea, ann, toBea } = await meet(t);
  const dc = toBea.openDataChannel("chat");
  await once(dc, "open");
  const messages = dc.events("message");
  const events = history(dc);
  const left = once(ann, "peer-left");
  await bea.close();
  await left;
  assert.deepEqual([dc.readyState, events.at(-1)], ["closed", "close: closed"]);
  assert.equal((await messages.next()).done, true);
  await assert.rejects(dc.send("x"), { name: "InvalidStateError" });
  assert.throws(() => toBea.openDataChannel("again"), { name: "InvalidStateError" });
});

test("the channel ends when the other side closes it, and is not opened again", async (t) => {
  const { toBea, got } = await meet(t);
  const dc = toBea.openDataChannel("chat");
  await dc.send("0");
  await until(() => got.messages.length === 1);
  const events = history(dc);
  got.channels[0].close();
  await once(dc, "close");
  await assert.rejects(dc.send("1"), { name: "InvalidStateError" });
  await toBea.openDataChannel("other").send("2");
  await until(() => got.messages.length === 2);
  assert.deepEqual(events, ["close: closed"]);
  assert.deepEqual(got.channels.map(({ label }) => label), ["chat", "other"]);
});

test("a connection that the other side closes ends no channel, also one whose channel it has closed before", async (t) => {
  const { bea, toBea, got } = await meet(t);
  const [whole, apart] = [toBea.openDataChannel("whole"), toBea.openDataChannel("apart")];
  await Promise.all([whole.send("1"), apart.send("2")]);
  await until(() => got.messages.length === 2);
  const closed = [once(whole, "close"), once(apart, "close")];
  got.channels.find(({ label }) => label === "apart").close();
  await settle();
  bea.remotePeer("ann").pc.close();
  await Promise.all(closed);
  assert.deepEqual([whole.readyState, apart.readyState], ["connecting", "connecting"]);
});

test("channels that both sides open by number find each other on every connection, and keep the order", async (t) => {
  const { bea, toBea, got, restart } = await meet(t);
  const init = { negotiated: true, id: 7 };
  const hear = (remote) => remote.openDataChannel("seven", init).on("message", ({ data }) => got.messages.push(data));
  hear(bea.remotePeer("ann"));
  bea.on("peer-joined", ({ peer }) => hear(peer));
  const dc = toBea.openDataChannel("seven", init);
  await dc.send("0");
  await until(() => got.messages.length === 1);
  const gap = once(dc, "close");
  const restarted = restart();
  await gap;
  await Promise.all(Array.from({ length: 100 }, (_, n) => dc.send(`${n + 1}`)));
  await restarted;
  await until(() => got.messages.length === 101);
  assert.deepEqual(got.messages, Array.from({ length: 101 }, (_, n) => `${n}`));
  assert.deepEqual(got.channels, []);
});

test("a channel that was opened by createDataChannel is not opened again", async (t) => {
  const { toBea, got, restart } = await meet(t);
  const dc = new DataChannel(toBea.createDataChannel("plain"));
  await once(dc, "open");
  await until(() => got.channels.length === 1);
  const [events, reset] = [history(dc), once(toBea, "connection-reset")];
  await restart();
  await reset;
  await toBea.openDataChannel("other").send("x");
  await until(() => got.messages.length === 1);
  assert.deepEqual(events, ["close: closed"]);
  assert.deepEqual(got.channels.map(({ label }) => label), ["plain", "other"]);
});

// ---- on connections that deliver nothing

/** Lets promises run while the timers stand still. */
const microtasks = () => new Promise((resolve) => setImmediate(resolve));

/** A peer in a room with one other, and the connections that were made to it. Time passes by `t.mock.timers.tick()`. */
const alone = async (t) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "you" }];
  const connections = [];
  const peer = new MeteredPeer({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory, reconnect: { initialDelayMs: 1 },
    rtcPeerConnectionFactory: () => {
      connections.push(new FakeConnection());
      return connections.at(-1);
    },
  });
  t.after(() => peer.close());
  await peer.join("room");
  const remote = await remoteOf(peer, "you");
  connections[0].connect();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** The signalling connection drops, and with the next one the others have seen us leave. */
  const replace = async () => {
    const before = connections.length;
    server.socket.drop();
    // The clock that the backoff is measured by goes on as ever.
    while (connections.length === before) {
      t.mock.timers.tick(1);
      await microtasks();
    }
  };
  const { channels } = connections[0];
  return { server, peer, remote, connections, channels, replace };
};

const die = (channel) => {
  channel.readyState = "closed";
  channel.dispatch("error", { error: new Error("sctp") });
  channel.dispatch("close");
};

test("a channel that dies again and again is opened at growing intervals, until it opens", async (t) => {
  const { remote, channels } = await alone(t);
  remote.openDataChannel("chat");
  const pauses = [];
  for (let round = 0; round < 8; round += 1) {
    const count = channels.length;
    die(channels.at(-1));
    let seconds = 0;
    while (channels.length === count && seconds < 100) {
      t.mock.timers.tick(1_000);
      seconds += 1;
    }
    pauses.push(seconds);
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
  channels.at(-1).open();
  die(channels.at(-1));
  t.mock.timers.tick(1_000);
  assert.equal(channels.at(-1).readyState, "connecting");
});

test("a channel that closes on a living connection is closed for good after a second of doubt, in which sends wait", async (t) => {
  const { remote, channels } = await alone(t);
  const dc = remote.openDataChannel("chat");
  channels[0].open();
  const events = history(dc);
  channels[0].close();
  await microtasks();
  assert.equal(dc.readyState, "closing");
  const waiting = assert.rejects(dc.send("x"), { name: "InvalidStateError" });
  t.mock.timers.tick(999);
  assert.deepEqual(events, []);
  t.mock.timers.tick(1);
  await waiting;
  assert.deepEqual(events, ["close: closed"]);
  t.mock.timers.tick(600_000);
  assert.equal(channels.length, 1);
});

for (const [what, happen] of Object.entries({
  "its SCTP association ends": (connection) => { connection.sctp = { state: "closed" }; },
  "its connection is lost": (connection) => { connection.connectionState = "disconnected"; },
})) {
  test(`a channel closes only for now if ${what} within the doubt`, async (t) => {
    const { remote, connections, channels } = await alone(t);
    const dc = remote.openDataChannel("chat");
    channels[0].open();
    const events = history(dc);
    channels[0].close();
    await microtasks();
    const sent = dc.send("x");
    happen(connections[0]);
    t.mock.timers.tick(1_000);
    assert.deepEqual(events, ["close: connecting"]);
    t.mock.timers.tick(1_000);
    channels[1].open();
    await sent;
    assert.deepEqual([channels[1].sent, events.at(-1)], [["x"], "open: open"]);
  });
}

test("a new connection ends the doubt and every pause", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const [doubted, paused] = [remote.openDataChannel("doubted"), remote.openDataChannel("paused")];
  channels.forEach((channel) => channel.open());
  channels[0].close();
  die(channels[1]);
  await microtasks();
  assert.deepEqual([doubted.readyState, paused.readyState], ["closing", "connecting"]);
  await replace();
  assert.deepEqual(connections[1].channels.map(({ label }) => label), ["doubted", "paused"]);
  connections[1].channels.forEach((channel) => channel.open());
  t.mock.timers.tick(600_000);
  assert.deepEqual([doubted.readyState, paused.readyState], ["open", "open"]);
  assert.deepEqual([channels.length, connections[1].channels.length], [2, 2]);
  for (const channel of channels) assert.equal(channel.added, channel.removed, "nobody listens to what is gone");
});

test("sends keep their order over several connections, and the native channel gets the wrapper's settings", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("chat", { maxBufferedAmount: 100, bufferedAmountLowThreshold: 10 });
  const sends = [dc.send("1")];
  await replace();
  sends.push(dc.send("2"));
  await replace();
  sends.push(dc.send("3"));
  const [native] = connections[2].channels;
  assert.deepEqual([native.binaryType, native.bufferedAmountLowThreshold], ["arraybuffer", 10]);
  dc.on("open", () => sends.push(dc.send("4")));
  native.open();
  await Promise.all(sends);
  assert.deepEqual([channels[0].sent, connections[1].channels[0].sent, native.sent], [[], [], ["1", "2", "3", "4"]]);
});

test("a channel says what it is to be before there is one and between two, and keeps its low-water mark", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("chat", { ordered: false, maxRetransmits: 2, protocol: "p", bufferedAmountLowThreshold: 10 });
  const said = () => [dc.id, dc.label, dc.ordered, dc.protocol, dc.negotiated, dc.maxPacketLifeTime, dc.maxRetransmits];
  const native = { id: 4, ordered: false, protocol: "p", negotiated: false, maxPacketLifeTime: null, maxRetransmits: 2 };
  Object.assign(channels[0], native);
  channels[0].open();
  assert.deepEqual(said(), [4, "chat", false, "p", false, null, 2]);
  dc.bufferedAmountLowThreshold = 20;
  assert.equal(channels[0].bufferedAmountLowThreshold, 20);
  die(channels[0]);
  assert.equal(dc.readyState, "connecting");
  assert.deepEqual(said(), [null, "chat", false, "p", false, null, 2]);
  dc.bufferedAmountLowThreshold = 30;
  await replace();
  assert.equal(connections[1].channels[0].bufferedAmountLowThreshold, 30);
});

test("a write that waits when the connection goes is rejected and never sent, a send is sent on the next", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("chat", { maxBufferedAmount: 10 });
  channels[0].open();
  channels[0].bufferedAmount = 10;
  const written = assert.rejects(dc.writable.getWriter().write("part of a file"), { name: "InvalidStateError" });
  await microtasks();
  const sent = dc.send("message");
  await replace();
  await written;
  connections[1].channels[0].open();
  await sent;
  assert.deepEqual([channels[0].sent, connections[1].channels[0].sent], [[], ["message"]]);
});

test("trySend answers false while the channel is not open and will be, and throws once it is closed", async (t) => {
  const { remote, channels } = await alone(t);
  const dc = remote.openDataChannel("chat");
  assert.equal(dc.trySend("x"), false);
  channels[0].open();
  assert.equal(dc.trySend("y"), true);
  die(channels[0]);
  assert.equal(dc.trySend("z"), false);
  dc.close();
  assert.throws(() => dc.trySend("w"), { name: "InvalidStateError" });
  assert.deepEqual(channels[0].sent, ["y"]);
});

test("close() in a handler of close is the end", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("chat");
  channels[0].open();
  const events = history(dc);
  dc.once("close", () => dc.close());
  await replace();
  t.mock.timers.tick(600_000);
  assert.deepEqual([connections[1].channels.length, dc.readyState, events], [0, "closed", ["close: connecting", "close: closed"]]);
});

test("a channel that a handler opens while others are opened again is opened once", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("first");
  channels[0].open();
  dc.once("close", () => remote.openDataChannel("second"));
  await replace();
  assert.deepEqual(connections[1].channels.map(({ label }) => label), ["second", "first"]);
});

test("a new connection that cannot open the channel is asked again", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  const dc = remote.openDataChannel("chat");
  channels[0].open();
  const { createDataChannel } = FakeConnection.prototype;
  t.mock.method(FakeConnection.prototype, "createDataChannel", () => { throw new Error("not now"); });
  await replace();
  assert.equal(dc.readyState, "connecting");
  FakeConnection.prototype.createDataChannel = createDataChannel;
  t.mock.timers.tick(1_000);
  assert.equal(connections[1].channels.length, 1);
});

test("what cannot be opened throws at once, and nothing is opened later", async (t) => {
  const { remote, connections, channels, replace } = await alone(t);
  assert.throws(() => remote.openDataChannel(5), { name: "TypeError", message: /`label`/ });
  assert.throws(() => remote.openDataChannel("chat", { maxQueuedSends: -1 }), { name: "TypeError", message: /`maxQueuedSends`/ });
  t.mock.method(connections[0], "createDataChannel", () => { throw new RangeError("no number left"); });
  assert.throws(() => remote.openDataChannel("chat"), RangeError);
  await replace();
  assert.deepEqual([channels.length, connections[1].channels.length], [0, 0]);
});
