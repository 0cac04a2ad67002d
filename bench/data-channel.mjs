// What a data channel's wrapper costs, next to the official SDK's and to the bare channel.
//
//   cargo xtask package && node bench/data-channel.mjs [rounds]
//
// First on a channel that delivers to nobody, so that nothing but the wrapper is measured; then on two real connections
// of `@roamhq/wrtc`. The variants take turns within each round, in another order each time. One of them is measured
// twice under two names: how far those two differ is what the machine does, and no difference below that means anything.

import { createRequire } from "node:module";
import { OfficialDataChannel } from "../tests/support/official.mjs";
import { DataChannel } from "metered-realtime";

const rounds = Number(process.argv[2] ?? 15);
if (!(rounds >= 3)) throw new TypeError("rounds must be a number >= 3");

/** The least that the wrappers ask of a channel. It never fills up. */
class Sink {
  label = "bench";
  readyState = "open";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = "arraybuffer";
  sent = 0;
  #listeners = new Map();

  send() {
    this.sent += 1;
  }

  close() {}

  addEventListener(name, listener) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }

  removeEventListener(name, listener) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? []).filter((other) => other !== listener));
  }

  dispatch(name, event) {
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const shuffled = (list) => list.map((item) => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);

/** Runs every variant once a round, each answering a figure. */
const compare = async (variants, base, unit, warmups = 2) => {
  const figures = new Map(Object.keys(variants).map((name) => [name, []]));
  for (let round = -warmups; round < rounds; round += 1) {
    for (const name of shuffled(Object.keys(variants))) {
      globalThis.gc?.();
      const figure = await variants[name]();
      if (round >= 0) figures.get(name).push(figure);
    }
  }
  const reference = median(figures.get(base));
  console.table(Object.fromEntries([...figures].map(([name, list]) => [name, {
    [`median, ${unit}`]: Number(median(list).toPrecision(4)),
    least: Number(Math.min(...list).toPrecision(4)),
    most: Number(Math.max(...list).toPrecision(4)),
    [`of ${base}`]: Number((median(list) / reference).toFixed(2)),
  }])));
};

// ---- what a call costs, in nanoseconds

const CALLS = 50_000;

const timed = async (body) => {
  const start = process.hrtime.bigint();
  await body();
  return Number(process.hrtime.bigint() - start) / CALLS;
};

const awaited = (wrap, payload) => () => {
  const dc = wrap(new Sink());
  return timed(async () => {
    for (let i = 0; i < CALLS; i += 1) await dc.send(payload);
  });
};

const tried = (payload) => () => {
  const dc = new DataChannel(new Sink());
  return timed(() => {
    for (let i = 0; i < CALLS; i += 1) dc.trySend(payload);
  });
};

const received = (wrap) => () => {
  const sink = new Sink();
  const dc = wrap(sink);
  let count = 0;
  dc.on("message", () => { count += 1; });
  return timed(() => {
    const event = { data: "hello" };
    for (let i = 0; i < CALLS; i += 1) sink.dispatch("message", event);
    if (count !== CALLS) throw new Error("a message was lost");
  });
};

const BATCH = 200;

/** Sends that all have to wait, and are let go together. */
const queued = (wrap, payload) => () => {
  const sink = new Sink();
  const dc = wrap(sink);
  return timed(async () => {
    for (let i = 0; i < CALLS; i += BATCH) {
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

const ours = (sink) => new DataChannel(sink);
const official = (sink) => new OfficialDataChannel(sink);

for (const [what, payload] of Object.entries({
  "a text of 16 characters": "0123456789abcdef",
  "a text of 1024 characters": "x".repeat(1024),
  "1024 bytes": new Uint8Array(1024),
})) {
  console.log(`\nsend ${what}, ${CALLS} calls a round, ${rounds} rounds`);
  await compare({
    official: awaited(official, payload),
    "official again": awaited(official, payload),
    "ours: await send": awaited(ours, payload),
    "ours: trySend": tried(payload),
  }, "official", "ns");
}

for (const [what, payload] of Object.entries({ "16 characters": "0123456789abcdef", "16384 bytes": new Uint8Array(16_384) })) {
  console.log(`\nsend ${what} while the buffer is full, ${CALLS} calls a round, ${rounds} rounds: ours keeps a copy of bytes`);
  await compare({
    official: queued(official, payload),
    "official again": queued(official, payload),
    ours: queued(ours, payload),
  }, "official", "ns");
}

console.log(`\nreceive, ${CALLS} messages a round, ${rounds} rounds`);
await compare({
  official: received(official),
  "official again": received(official),
  ours: received(ours),
}, "official", "ns");

// ---- what goes over a real connection

const { RTCPeerConnection } = createRequire(import.meta.url)("@roamhq/wrtc");

/** Two connected channels, one end each. */
const connect = async () => {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => candidate && a.addIceCandidate(candidate);
  const init = { negotiated: true, id: 1 };
  const ends = [a, b].map((pc) => pc.createDataChannel("bench", init));
  const opened = ends.map((end) => new Promise((resolve) => { end.onopen = resolve; }));
  const offer = await a.createOffer();
  await a.setLocalDescription(offer);
  await b.setRemoteDescription(offer);
  const answer = await b.createAnswer();
  await b.setLocalDescription(answer);
  await a.setRemoteDescription(answer);
  await Promise.all(opened);
  return { near: ends[0], far: ends[1], close: () => [a, b].forEach((pc) => pc.close()) };
};

const { near, far, close } = await connect();

const MIB = 1024 * 1024;

/** Sends so many messages and waits until they have arrived; answers how many a second that were, in units of `per`. */
const transfer = (count, bytes, per, start) => async () => {
  const payload = new Uint8Array(bytes);
  let arrived = 0;
  const done = new Promise((resolve) => { far.onmessage = () => { if (++arrived === count) resolve(); }; });
  const begin = performance.now();
  await start(payload, count);
  await done;
  return count / per / ((performance.now() - begin) / 1000);
};

/** A bare channel has to look at its buffer by itself. */
const raw = async (payload, count) => {
  for (let i = 0; i < count; i += 1) {
    while (near.bufferedAmount + payload.length > MIB) await new Promise((resolve) => setTimeout(resolve, 4));
    near.send(payload);
  }
};
const wrapped = new DataChannel(near);
const awaiting = async (payload, count) => {
  for (let i = 0; i < count; i += 1) await wrapped.send(payload);
};
const writing = async (payload, count) => {
  const writer = wrapped.writable.getWriter();
  for (let i = 0; i < count; i += 1) await writer.write(payload);
  await writer.close();
};

for (const [count, bytes, unit, per] of [[5_000, 100, "messages/s", 1], [200, 64 * 1024, "MiB/s", 16]]) {
  console.log(`\n${count} messages of ${bytes} bytes over @roamhq/wrtc, ${rounds} rounds`);
  const measure = (start) => transfer(count, bytes, per, start);
  await compare({
    raw: measure(raw),
    "raw again": measure(raw),
    "ours: await send": measure(awaiting),
    "ours: writable": measure(writing),
  }, "raw", unit, 1);
}
close();
