// What people do with data channels, as programs on two connected peers: in Node and in a page the same. Each answers
// what it has seen, for a test to judge.

import { DataChannel } from "metered-realtime";
import { openChannel, pair } from "./room.mjs";
import { once, record, until } from "./wait.mjs";

const wrapped = ({ channel }) => new DataChannel(channel);

/** Each side says hello as soon as its end is open. */
export const basic = async (t) => {
  const { toA, toB } = await pair(t);
  const heard = { a: undefined, b: undefined };
  const channel = toB.openDataChannel("chat");
  channel.on("open", () => channel.send("Hello from A!"));
  channel.on("message", ({ data }) => { heard.a = data; });
  toA.on("data-channel", (event) => {
    const theirs = wrapped(event);
    theirs.on("open", () => theirs.send("Hello from B!"));
    theirs.on("message", ({ data }) => { heard.b = data; });
  });
  await until(() => heard.a && heard.b);
  return { ...heard, state: channel.readyState, label: channel.label };
};

const properties = ({ id, label, ordered, protocol, negotiated, maxPacketLifeTime, maxRetransmits, maxMessageSize }) =>
  ({ id, label, ordered, protocol, negotiated, maxPacketLifeTime, maxRetransmits, maxMessageSize });

/** Channels that are made to order: what both ends, and an end that is not open yet, say of themselves. */
export const custom = async (t) => {
  const { toA, toB } = await pair(t);
  const seen = {};
  const inits = {
    game: { ordered: false, maxPacketLifeTime: 100, protocol: "game-protocol" },
    chat: { ordered: true, maxRetransmits: 5 },
    plain: {},
  };
  for (const [label, init] of Object.entries(inits)) {
    const arrival = once(toA, "data-channel", { filter: ({ channel }) => channel.label === label });
    const ours = toB.openDataChannel(label, init);
    const early = properties(ours);
    const theirs = wrapped(await arrival);
    if (ours.readyState !== "open") await once(ours, "open");
    seen[label] = { early, ours: properties(ours), theirs: properties(theirs) };
  }
  const both = [toA, toB].map((remote) => remote.openDataChannel("agreed", { negotiated: true, id: 77, ordered: false }));
  await Promise.all(both.map((dc) => dc.readyState === "open" || once(dc, "open")));
  const heard = once(both[1], "message");
  await both[0].send("hello");
  seen.agreed = { ours: properties(both[0]), theirs: properties(both[1]), heard: (await heard).data };
  return seen;
};

const LETTERS = 251;

/** A file goes through `writable`, comes out of `readable`, and a text says when it is complete. */
export const file = async (t, size) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { label: "file-transfer" });
  const received = (async () => {
    const parts = [];
    let texts = 0;
    for await (const part of theirs.readable) {
      if (typeof part === "string") return { name: part, blob: new Blob(parts), parts: parts.length, texts };
      parts.push(part);
    }
    throw new Error("the stream ended early");
  })();
  const content = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) % LETTERS);
  await new Blob([content]).stream().pipeTo(ours.writable);
  await ours.send("example.jpg");
  const { name, blob, parts } = await received;
  const arrived = new Uint8Array(await blob.arrayBuffer());
  return { name, parts, size: arrived.length, isSame: arrived.length === size && arrived.every((byte, i) => byte === content[i]) };
};

/** Sends more whenever the buffer is low, and says so by the event alone. */
export const flowControl = async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA, { label: "bulk-data" });
  const received = record(theirs, "message");
  ours.bufferedAmountLowThreshold = 1024;
  const threshold = ours.bufferedAmountLowThreshold;
  const data = "x".repeat(10_000);
  let sent = 0;
  const sendMore = () => {
    if (sent >= 20) return;
    sent += 1;
    ours.send(data);
  };
  ours.on("bufferedamountlow", sendMore);
  sendMore();
  await received.reach(20);
  return { threshold, sent, lengths: new Set(received.payloads.map(({ data: { length } }) => length)).size };
};

/** Channels of several kinds side by side, each with an echo at its other end. */
export const several = async (t) => {
  const { toA, toB } = await pair(t);
  const theirLabels = [];
  toA.on("data-channel", (event) => {
    const theirs = wrapped(event);
    theirLabels.push(theirs.label);
    theirs.on("message", ({ data }) => theirs.send(`Echo: ${data}`));
  });
  const channels = [
    toB.openDataChannel("control", { ordered: true }),
    toB.openDataChannel("video-meta", { ordered: false }),
    toB.openDataChannel("bulk", { maxRetransmits: 3 }),
  ];
  const echoes = await Promise.all(channels.map(async (dc) => {
    const echo = once(dc, "message");
    await dc.send(`${dc.label} speaking`);
    return (await echo).data;
  }));
  return { echoes, theirLabels: theirLabels.sort(), ids: new Set(channels.map(({ id }) => id)).size };
};

/** Everything that can go wrong with a send, on a channel that lives on until it is closed. */
export const errors = async (t) => {
  const { toA, toB } = await pair(t);
  const said = [];
  const attempt = async (what, send) => {
    try {
      await send();
      said.push(`${what}: sent`);
    } catch (error) {
      said.push(`${what}: ${error.name}${error.size ? ` ${error.size} > ${error.cap}` : ""}`);
    }
  };
  const early = new DataChannel(toB.createDataChannel("early"));
  if (early.readyState === "connecting") await attempt("early", () => early.send("x"));
  else said.push("early: InvalidStateError");
  const { ours, theirs } = await openChannel(toB, toA, { label: "test" });
  const [problems, received] = [record(ours, "error"), record(theirs, "message")];
  await attempt("nothing", () => ours.send(undefined));
  await attempt("too long", () => ours.send(new Uint8Array(ours.maxMessageSize + 1)));
  await attempt("too long to try", () => ours.trySend("ü".repeat(ours.maxMessageSize / 2 + 1)));
  await attempt("too long to read", () => ours.send(new Blob([new Uint8Array(ours.maxMessageSize + 1)])));
  await attempt("a Blob to try", () => ours.trySend(new Blob(["x"])));
  await attempt("as long as may be", () => ours.send(new Uint8Array(ours.maxMessageSize)));
  await received.reach(1);
  const closed = [once(ours, "close"), once(theirs, "close")];
  const before = ours.readyState;
  ours.close();
  await Promise.all(closed);
  await attempt("late", () => ours.send("x"));
  await attempt("late to try", () => ours.trySend("x"));
  return { said, before, after: [ours.readyState, theirs.readyState], problems: problems.payloads.length, received: received.payloads[0].data.byteLength };
};

/** Every kind of payload, each with what came out of it; sent at once, so that the order shows too. */
export const payloads = async (t) => {
  const { toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA);
  const received = record(theirs, "message");
  const bytes = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);
  const all = [
    "text", "", "zażółć 🎉", bytes.buffer, bytes.subarray(2, 5), new DataView(bytes.buffer, 3, 2), new Uint16Array(bytes.buffer, 4, 1),
    new Blob(["a", "blob"]), new Uint8Array([9]), new Blob([new Uint8Array([8])]), "last",
  ];
  await ours.send("first");
  await received.reach(1);
  await Promise.all(all.map((data) => ours.send(data)));
  await received.reach(all.length + 1);
  return received.payloads.slice(1).map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
};
