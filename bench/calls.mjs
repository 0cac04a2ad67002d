// What each call costs within the client: on channels and sockets that lead nowhere, so that nothing else is measured.

import { createRequire } from "node:module";
import * as official from "@metered-ca/realtime";
import { Centrifuge } from "centrifuge";
import { DataChannel, MeteredPeer, SignallingClient } from "metered-realtime";
import { program } from "./support/program.mjs";
import { Connection, Sink, Socket } from "./support/stand-ins.mjs";

const SimplePeer = createRequire(import.meta.url)("simple-peer");

const PEERS = 256;
const BATCH = 200;

/** The processor time of this process in nanoseconds, which is the same however many others want the processor. */
const spent = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) * 1_000;
};

/** The processor time of a call, of so many that `body` makes, in nanoseconds. */
const perCall = async (calls, body) => {
  const start = process.cpuUsage();
  await body();
  return spent(start) / calls;
};

// ---- data channels

/** simple-peer around a channel, which in its place comes out of a connection. */
const simplePeer = (sink) => {
  class Platform extends Connection {
    createDataChannel() {
      return sink;
    }

    // A negotiation that failed would destroy the peer.
    createOffer() {
      return new Promise(() => {});
    }
  }
  const wrtc = { RTCPeerConnection: Platform, RTCSessionDescription: Object, RTCIceCandidate: Object };
  const peer = new SimplePeer({ initiator: true, wrtc });
  // Its readable side keeps what it is given until somebody reads.
  peer.on("error", () => {});
  peer._connected = true;
  return peer;
};

const channels = {
  official: (sink) => new official.DataChannel(sink),
  ours: (sink) => new DataChannel(sink),
  "simple-peer": simplePeer,
};

const awaited = (wrap, payload, calls) => () => {
  const dc = wrap(new Sink());
  return perCall(calls, async () => {
    for (let i = 0; i < calls; i += 1) await dc.send(payload);
  });
};

const tried = (payload, calls) => () => {
  const dc = new DataChannel(new Sink());
  return perCall(calls, () => {
    for (let i = 0; i < calls; i += 1) dc.trySend(payload);
  });
};

const received = (listen, calls) => async () => {
  const sink = new Sink();
  let count = 0;
  listen(sink, () => { count += 1; });
  // A stream begins to flow in a later turn.
  await new Promise(setImmediate);
  return perCall(calls, async () => {
    const event = { data: "hello" };
    for (let i = 0; i < calls; i += 1) sink.dispatch("message", event);
    while (count < calls) await new Promise(setImmediate);
  });
};

/** Sends that all have to wait, and are let go together. */
const queued = (wrap, payload, calls) => () => {
  const sink = new Sink();
  const dc = wrap(sink);
  return perCall(calls, async () => {
    for (let i = 0; i < calls; i += BATCH) {
      sink.bufferedAmount = 2 ** 30;
      const sends = Array.from({ length: BATCH }, () => dc.send(payload));
      // The official wrapper listens for the event some microtasks later.
      await Promise.resolve().then(() => {}).then(() => {});
      sink.bufferedAmount = 0;
      sink.dispatch("bufferedamountlow", {});
      await Promise.all(sends);
    }
  });
};

// ---- the connection to the server

const WELCOME = JSON.stringify({ type: "welcome", peerId: "me", expiresAt: null, serverTime: 1_700_000_000, maxMessageSize: 65536 });
const roster = Array.from({ length: PEERS }, (_, i) => ({ peerId: `peer-${String(i).padStart(3, "0")}`, metadata: { name: `Peer ${i}` } }));
const presence = JSON.stringify({ type: "presence", channel: "room", joined: roster, left: [] });
const DATA = { x: 1, y: 2, name: "cursor" };
const message = JSON.stringify({ type: "message", channel: "room", from: "peer-001", data: DATA });

const acknowledge = (socket) => (text) => {
  const { requestId } = JSON.parse(text);
  queueMicrotask(() => socket.receive(`{"type":"ack","requestId":${JSON.stringify(requestId)}}`));
};

/** A client that is connected to a stand-in, its socket, and what acknowledges the last publish of many. */
const connected = (Client) => async (options) => {
  let socket;
  const webSocketFactory = () => (socket = new Socket(() => socket.receive(WELCOME)));
  const client = new Client({ apiKey: "pk_live_bench", url: "ws://localhost:1", webSocketFactory, ...options });
  await client.connect();
  return { client, socket, publish: () => client.publish("room", DATA), message, idOf: (text) => JSON.parse(text).requestId, ack: (id) => `{"type":"ack","requestId":${JSON.stringify(id)}}`, end: () => client.close() };
};

const centrifuge = async () => {
  let socket;
  class Platform extends Socket {
    constructor() {
      super();
      socket = this;
      this.answer = (text) => {
        for (const line of text.split("\n")) {
          const { id, connect, subscribe } = JSON.parse(line);
          if (connect) queueMicrotask(() => this.receive(JSON.stringify({ id, connect: { client: "me", version: "6" } })));
          if (subscribe) queueMicrotask(() => this.receive(JSON.stringify({ id, subscribe: {} })));
        }
      };
    }
  }
  const client = new Centrifuge("ws://localhost:1", { websocket: Platform });
  const sub = client.newSubscription("room");
  const ready = new Promise((resolve) => { sub.on("subscribed", resolve); });
  sub.subscribe();
  client.connect();
  await ready;
  socket.answer = undefined;
  return {
    client: sub, socket, publish: () => sub.publish(DATA), event: "publication",
    message: JSON.stringify({ push: { channel: "room", pub: { data: DATA } } }),
    idOf: (text) => JSON.parse(text).id, ack: (id) => `{"id":${id},"publish":{}}`, end: () => client.disconnect(),
  };
};

const clients = { official: connected(official.SignallingClient), ours: connected(SignallingClient), centrifuge };

/** From `publish()` to its frame in the socket, by batches whose answers come between the measurements. */
const published = (make, calls, withAnswers) => async () => {
  const { socket, publish, idOf, ack, end } = await make();
  let time = 0;
  for (let i = 0; i < calls; i += BATCH) {
    const ids = [];
    socket.answer = (text) => ids.push(text);
    const before = socket.count;
    let start = process.cpuUsage();
    const calls = Array.from({ length: BATCH }, publish);
    // Some send in the same turn, some some microtasks later.
    while (socket.count < before + BATCH) await null;
    if (!withAnswers) time += spent(start);
    const answers = ids.map((text) => ack(idOf(text)));
    if (withAnswers) start = process.cpuUsage();
    for (const answer of answers) socket.receive(answer);
    await Promise.all(calls);
    if (withAnswers) time += spent(start);
  }
  socket.answer = undefined;
  end();
  return time / calls;
};

/** From a frame to the application's handler. */
const delivered = (make, calls) => async () => {
  const { client, socket, message, event = "message", end } = await make();
  let count = 0;
  client.on(event, () => { count += 1; });
  const figure = await perCall(calls, async () => {
    for (let i = 0; i < calls; i += 1) socket.receive(message);
    while (count < calls) await new Promise(setImmediate);
  });
  end();
  return figure;
};

/** One presence frame of a full room, from the frame to the application's handler, in microseconds. */
const presented = (make, calls) => async () => {
  const { client, socket, end } = await make();
  let count = 0;
  client.on("presence", ({ joined }) => { count += joined.length; });
  const figure = await perCall(calls, () => {
    for (let i = 0; i < calls; i += 1) socket.receive(presence);
  });
  if (count !== calls * PEERS) throw new Error("a peer was lost");
  end();
  return figure / 1_000;
};

/** The same in a room, where each becomes a remote peer with a connection: in microseconds, with all that is closed at the end. */
const joined = (Peer) => async () => {
  let socket;
  const webSocketFactory = () => {
    socket = new Socket(() => socket.receive(WELCOME));
    socket.answer = acknowledge(socket);
    return socket;
  };
  const peer = new Peer({ apiKey: "pk_live_bench", url: "ws://localhost:1", webSocketFactory, rtcPeerConnectionFactory: () => new Connection() });
  let count = 0;
  peer.on("peer-joined", () => { count += 1; });
  await peer.join("room");
  const figure = await perCall(1, async () => {
    socket.receive(presence);
    while (count < PEERS) await null;
  });
  await peer.close();
  return figure / 1_000;
};

const each = (things, measure, ...rest) => Object.fromEntries(Object.entries(things).map(([name, make]) => [name, measure(make, ...rest)]));

await program("calls", { rounds: 21 }, async ({ quick, compare }) => {
  const calls = quick ? 4_000 : 40_000;
  for (const [what, payload] of Object.entries({ "64 bytes": new Uint8Array(64), "a text of 1024 characters": "x".repeat(1024) })) {
    await compare({
      title: `A data channel's send of ${what}`, unit: "ns", base: "official",
      variants: { ...each(channels, awaited, payload, calls), "ours, trySend": tried(payload, calls) },
      goals: { ours: 0.4, "ours, trySend": 0.3 },
    });
  }
  await compare({
    title: "A data channel's send while the buffer is full", unit: "ns", base: "official",
    variants: each({ official: channels.official, ours: channels.ours }, queued, "0123456789abcdef", calls),
  });
  await compare({
    title: "A data channel's message, from the platform's event to the handler", unit: "ns", base: "official",
    variants: {
      official: received((sink, handler) => new official.DataChannel(sink).on("message", handler), calls),
      ours: received((sink, handler) => new DataChannel(sink).on("message", handler), calls),
      "simple-peer": received((sink, handler) => simplePeer(sink).on("data", handler), calls),
      "a bare listener": received((sink, handler) => sink.addEventListener("message", handler), calls),
    },
    goals: { ours: 1.5 },
  });
  await compare({
    title: "publish(), until its frame is in the socket", unit: "ns", base: "official",
    variants: each(clients, published, calls / 4, false), goals: { ours: 1 },
  });
  await compare({
    title: "The answer to a publish(), until its promise is settled", unit: "ns", base: "official",
    variants: each(clients, published, calls / 4, true), goals: { ours: 1 },
  });
  await compare({
    title: "A message, from its frame to the handler", unit: "ns", base: "official",
    variants: each(clients, delivered, calls / 2), goals: { ours: 1 },
  });
  const { centrifuge: _, ...bare } = clients;
  await compare({
    title: `Presence of ${PEERS} peers, from its frame to the handler`, unit: "µs", base: "official",
    variants: each(bare, presented, quick ? 10 : 1_000), goals: { ours: 1 },
  });
  await compare({
    title: `Presence of ${PEERS} peers, until each is a RemotePeer`, unit: "µs", base: "official",
    variants: each({ official: official.MeteredPeer, ours: MeteredPeer }, joined), goals: { ours: 1 },
  });
});
