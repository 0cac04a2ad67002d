// A peer that keeps a ledger of every message, for rooms whose network breaks. Works in Node and in a page.
//
// It sends numbers without end: through a channel that lasts to each remote, and to everybody by way of the server. What
// was sent, what arrived, and what was told in between is in the ledger, which `judge` compares with that of the other end.

import { DataChannel, MeteredPeer } from "metered-realtime";

/** Joins a room. Answers the peer, its ledger, and `stop()`, after which it sends nothing more. */
export const keepLedger = async (room, options, { periodMs = 50 } = {}) => {
  const peer = new MeteredPeer({
    inactivityTimeoutMs: 6_000,
    reconnect: { initialDelayMs: 100, maxDelayMs: 1_000 },
    ...options,
  });
  const ledger = { remotes: {}, broadcast: { sent: [], refused: [], heard: {} }, states: [], left: [], problems: [] };
  const senders = [];

  const entryOf = (id) => (ledger.remotes[id] ??= { sent: [], told: 0, heard: [], next: 0, resets: 0, states: [] });

  const watch = (remote) => {
    const entry = entryOf(remote.id);
    remote.on("state-change", ({ to }) => entry.states.push(to));
    remote.on("connection-reset", () => { entry.resets += 1; });
    remote.on("data-channel", ({ channel: native }) => {
      const channel = new DataChannel(native);
      channel.on("message", ({ data }) => entry.heard.push(Number(data)));
      // Says that we listen: what comes before that may come in another order in `@roamhq/wrtc`.
      const greet = () => channel.send("listening").catch(() => {});
      if (channel.readyState === "open") greet();
      else channel.on("open", greet);
    });

    const channel = remote.openDataChannel("ledger");
    let heardBack = false;
    channel.on("message", () => { heardBack = true; });
    channel.on("close", () => {
      heardBack = false;
      entry.told += 1;
    });
    senders.push(() => {
      if (!heardBack || channel.readyState !== "open") return;
      const number = entry.next++;
      // A send that fails is told by that; it is in no ledger then, and may still have arrived.
      channel.send(`${number}`).then(() => entry.sent.push([number, entry.told]), () => { entry.told += 1; });
    });
  };

  peer.on("state-change", ({ to }) => ledger.states.push(to));
  peer.on("peer-joined", ({ peer: remote }) => watch(remote));
  peer.on("peer-left", ({ peer: remote }) => ledger.left.push(remote.id));
  peer.on("error", ({ err }) => ledger.problems.push(String(err)));
  peer.on("data", ({ kind, data, senderPeerId }) => {
    if (kind === "broadcast") (ledger.broadcast.heard[senderPeerId] ??= []).push(data);
  });
  await peer.join(room);

  let count = 0;
  senders.push(() => {
    // One in five, so that the server's message rate is far away.
    const number = count++;
    if (number % 5 !== 0) return;
    peer.send(number).then(() => ledger.broadcast.sent.push(number), () => ledger.broadcast.refused.push(number));
  });
  const timer = setInterval(() => senders.forEach((send) => send()), periodMs);
  return { peer, ledger, stop: () => clearInterval(timer) };
};

/** Lets the clocks of this program, that of the day and the one that only goes forward, leap an hour ahead. */
export const leap = () => {
  const hour = 3_600_000;
  for (const clock of [Date, performance]) {
    const now = clock.now.bind(clock);
    clock.now = () => now() + hour;
  }
};

/** What stands at one end now, for those who wait for something. */
export const glance = ({ peer, ledger }) => ({
  id: peer.peerId,
  state: peer.state,
  remotes: Object.fromEntries(peer.remotePeers.map(({ id, state }) => [id, state])),
  heard: Object.fromEntries(Object.entries(ledger.remotes).map(([id, { heard }]) => [id, heard.length])),
  spread: Object.fromEntries(Object.entries(ledger.broadcast.heard).map(([id, heard]) => [id, heard.length])),
});

const isIncreasing = (numbers) => numbers.every((number, i) => i === 0 || number > numbers[i - 1]);

/**
 * Compares what one end has sent with what the other has heard. Whatever was sent through a channel and is missing was
 * followed by an event that says so, and nothing that was sent before it by the same channel is missing less late; what
 * the server acknowledged has arrived, unless it `mayForget`: it was killed, or had given up waiting for one of them.
 * Answers figures, and throws where that does not hold.
 */
export const judge = (from, to, { fromId, toId, mayForget = false }) => {
  const { sent, told, resets } = from.remotes[toId];
  const { heard } = to.remotes[fromId];
  const problems = [];
  if (!isIncreasing(heard)) problems.push(`heard twice or out of order: ${firstDisorder(heard)}`);
  const arrived = new Set(heard);
  const missing = sent.filter(([number]) => !arrived.has(number));
  const untold = missing.filter(([, before]) => before === told);
  if (untold.length > 0) problems.push(`missing, and nobody said so: ${untold.map(([number]) => number)}`);
  const lastArrived = new Map();
  for (const [number, before] of sent) if (arrived.has(number)) lastArrived.set(before, number);
  const holes = missing.filter(([number, before]) => number < lastArrived.get(before));
  if (holes.length > 0) problems.push(`missing between others of the same channel: ${holes.map(([number]) => number)}`);

  const spread = to.broadcast.heard[fromId] ?? [];
  if (!isIncreasing(spread)) problems.push(`by the server twice or out of order: ${firstDisorder(spread)}`);
  const spreadArrived = new Set(spread);
  const unspread = from.broadcast.sent.filter((number) => number >= (spread[0] ?? Infinity) && !spreadArrived.has(number));
  if (unspread.length > 0 && !mayForget) problems.push(`acknowledged by the server and missing: ${unspread}`);
  if (problems.length > 0) throw new Error(`from ${fromId} to ${toId}: ${problems.join("; ")}`);
  return { sent: sent.length, heard: heard.length, missingAndTold: missing.length, told, resets, spread: spread.length, unspread: unspread.length };
};

const firstDisorder = (numbers) => {
  const at = numbers.findIndex((number, i) => i > 0 && number <= numbers[i - 1]);
  return numbers.slice(Math.max(0, at - 3), at + 3).join(" ");
};
