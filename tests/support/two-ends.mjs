// Two peers that talk and keep ledgers, and what their room must come to after whatever befell it.

import assert from "node:assert/strict";
import { ends } from "./ends.mjs";
import { judge } from "./ledger.mjs";
import { report } from "./soak.mjs";
import { until } from "./wait.mjs";

/** The ladder of ICE restarts pauses for up to 30 s, and an attempt takes another 15 s. */
export const PATIENCE_MS = 150_000;

const NAMES = ["peer-0", "peer-1"];

/**
 * A room of two of these kinds, on their hosts if they have any, who talk to each other already. `mint` and `options` are
 * those of ends.mjs.
 */
export const meet = async (t, kinds, { server, hosts = [], mint, ...options }) => {
  const peers = [];
  for (const [i, kind] of kinds.entries()) {
    const own = { ...options, url: server.url, mint: { ...mint, claims: { ...mint.claims, sub: NAMES[i] } } };
    peers.push(await ends[kind](t, { host: hosts[i], httpUrl: server.httpUrl, room: "soak", options: own }));
  }
  await talked(peers, 10);
  return peers;
};

const look = (peers) => Promise.all(peers.map((peer) => peer.glance()));

/** What each has heard of the other. */
const heard = async (peers) => (await look(peers)).map(({ heard, spread }, i) => [heard, spread].map((by) => by[NAMES[1 - i]] ?? 0));

/** Resolves when each has heard so many messages more from the other, through its channel and by way of the server. */
export const talked = async (peers, more) => {
  const before = await heard(peers);
  await until(async () => {
    const now = await heard(peers);
    return now.every(([channel, spread], i) => channel - before[i][0] >= more && spread - before[i][1] >= more / 10);
  }, `${more} messages more at both ends`, PATIENCE_MS);
};

/** Resolves when both are in the room and connected. */
export const together = async (peers) => {
  await until(async () => {
    const all = await look(peers);
    return all.every(({ state, remotes }) => state === "joined" && Object.values(remotes).join() === "connected");
  }, "both joined and connected", PATIENCE_MS);
};

/** Resolves when one of them sees that the other is out of reach. */
export const missed = (peer, by) => until(
  async () => (await peer.glance()).remotes[NAMES[by]] !== "connected", "the other side notices", PATIENCE_MS,
);

/** Ends the talk, lets arrive what is on its way, compares the ledgers and reports. `mayForget` is that of ledger.mjs. */
export const settleAccounts = async (t, peers, { mayForget = false, ...more } = {}) => {
  await Promise.all(peers.map((peer) => peer.stop()));
  let last;
  await until(async () => {
    const before = last;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    last = JSON.stringify(await heard(peers));
    return last === before;
  }, "nothing arrives any more", PATIENCE_MS);
  const ledgers = await Promise.all(peers.map((peer) => peer.ledger()));
  for (const { problems, left } of ledgers) {
    assert.deepEqual(problems, []);
    if (!mayForget) assert.deepEqual(left, [], "somebody was seen to leave");
  }
  const [there, back] = [[0, 1], [1, 0]].map(([from, to]) =>
    judge(ledgers[from], ledgers[to], { fromId: NAMES[from], toId: NAMES[to], mayForget }));
  report(t.name, { ...more, there, back });
  return { there, back };
};
