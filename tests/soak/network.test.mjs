// Two peers, the server and a relay, each on a host of its own, and a network between them that breaks in every way.
// Both ends keep a ledger of what they send and hear: see ledger.mjs.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ends } from "../support/ends.mjs";
import { judge } from "../support/ledger.mjs";
import { CUT, startNetwork } from "../support/network.mjs";
import { startServer } from "../support/server.mjs";
import { count, isSoak, report } from "../support/soak.mjs";
import { token } from "../support/token.mjs";
import { startTurn } from "../support/turn.mjs";
import { until } from "../support/wait.mjs";

/** The ladder of ICE restarts pauses for up to 30 s, and an attempt takes another 15 s. */
const PATIENCE_MS = 150_000;

const KEY = { keyId: "sk_id_soak", secret: "the secret of a soak test" };

/** The files of a server that is reached by TLS, since nobody connects to another machine without. */
const configuration = (t, address) => {
  const directory = mkdtempSync(join(tmpdir(), "metered-network-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [cert, key, config] = ["cert.pem", "key.pem", "server.toml"].map((name) => join(directory, name));
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
    "-subj", "/CN=soak", "-addext", `subjectAltName=IP:${address}`, "-keyout", key, "-out", cert,
  ], { stdio: "pipe" });
  writeFileSync(config, `
    host = "${address}"
    [tls]
    cert = "${cert}"
    key = "${key}"
    [[apps]]
    id = "soak"
    [[apps.secret_keys]]
    id = "${KEY.keyId}"
    secret = "${KEY.secret}"
    [limits]
    connections_per_address = 0
    [resume]
    grace_ms = 120000
  `);
  return config;
};

/** A room of two of these kinds, each on its host, who talk to each other already. */
const meet = async (t, kinds, { relayOnly = false } = {}) => {
  const network = await startNetwork(t);
  const [serverHost, ...hosts] = [await network.host("s"), await network.host("a"), await network.host("b")];
  const { address, command } = serverHost;
  const server = await startServer(0, { config: configuration(t, address), command });
  t.after(() => server.kill());
  const turn = relayOnly && await startTurn({ address, command });
  t.after(() => turn && turn.stop());

  const metadata = turn ? { iceServers: turn.iceServers } : {};
  const peers = [];
  for (const [i, kind] of kinds.entries()) {
    const claims = { sub: `peer-${i}`, metadata, exp: Math.floor(Date.now() / 1000) + 7200 };
    const options = { url: server.url, token: token(claims, KEY), relayOnly };
    peers.push(await ends[kind](t, { host: hosts[i], httpUrl: server.httpUrl, room: "soak", options }));
  }
  const world = { hosts, peers, server, serverHost };
  await talked(world, 10);
  return world;
};

/** Resolves when each has heard `more` messages more from the other, through its channel and by way of the server. */
const talked = async ({ peers }, more) => {
  const before = await Promise.all(peers.map((peer) => peer.glance()));
  const [idA, idB] = before.map(({ id }) => id);
  const heard = ({ heard, spread }, id) => [heard[id] ?? 0, spread[id] ?? 0];
  await until(async () => {
    const now = await Promise.all(peers.map((peer) => peer.glance()));
    return [[0, idB], [1, idA]].every(([i, other]) => {
      const [channel, spread] = heard(now[i], other).map((count, n) => count - heard(before[i], other)[n]);
      return channel >= more && spread >= Math.ceil(more / 10);
    });
  }, `${more} messages more at both ends`, PATIENCE_MS);
};

/** Resolves when both are in the room and connected. */
const together = async ({ peers }) => {
  await until(async () => {
    const all = await Promise.all(peers.map((peer) => peer.glance()));
    return all.every(({ state, remotes }) => state === "joined" && Object.values(remotes).join() === "connected");
  }, "both joined and connected", PATIENCE_MS);
};

/** Ends the talk, lets arrive what is on its way, and compares the ledgers. */
const settleAccounts = async (t, { peers }) => {
  await Promise.all(peers.map((peer) => peer.stop()));
  const snapshot = async () => JSON.stringify(await Promise.all(peers.map((peer) => peer.glance())));
  let last;
  await until(async () => {
    const before = last;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return (last = await snapshot()) === before;
  }, "nothing arrives any more", PATIENCE_MS);
  const ledgers = await Promise.all(peers.map((peer) => peer.ledger()));
  const [idA, idB] = (await Promise.all(peers.map((peer) => peer.glance()))).map(({ id }) => id);
  for (const { problems, left } of ledgers) assert.deepEqual([problems, left], [[], []]);
  const figures = {
    there: judge(ledgers[0], ledgers[1], { fromId: idA, toId: idB }),
    back: judge(ledgers[1], ledgers[0], { fromId: idB, toId: idA }),
  };
  report(t.name, { ...figures, iceRestarts: ledgers.map((ledger, i) => ledger.remotes[i ? idA : idB].states.filter((state) => state === "reconnecting").length) });
  return figures;
};

const both = (fault) => ({ in: fault, out: fault });

/** What a bad network does without being away, and how many messages come through it. */
const BAD = [
  ["1 % lost", both({ loss: 0.01 })],
  ["5 % lost", both({ loss: 0.05 })],
  ["20 % lost", both({ loss: 0.2 })],
  ["200 ms late", both({ delay: 100 })],
  ["late by chance and out of order", both({ delay: 40, jitter: 40, reorder: 0.25 })],
  ["all of it", both({ loss: 0.05, delay: 50, jitter: 40, reorder: 0.1 })],
];

const ROOMS = [
  ["Chromium and Chromium", ["chromium", "chromium"], {}],
  ["Chromium and Node", ["chromium", "node"], {}],
  ["Chromium and Chromium through coturn", ["chromium", "chromium"], { relayOnly: true }],
  ["Chromium and Node through coturn", ["chromium", "node"], { relayOnly: true }],
];

const long = { timeout: 900_000 };

for (const [name, kinds, options] of isSoak ? ROOMS : []) {
  test(`${name}, while packets are lost, late and out of order`, long, async (t) => {
    const world = await meet(t, kinds, options);
    for (const [, fault] of BAD) {
      await world.hosts[0].set(fault);
      await talked(world, count(100, 20));
    }
    await world.hosts[0].set();
    await together(world);
    const { there, back } = await settleAccounts(t, world);
    assert.equal(there.missingAndTold + back.missingAndTold, 0, "a bad network is no reason to lose anything");
  });

  test(`${name}, while one side is cut off and comes back`, long, async (t) => {
    const world = await meet(t, kinds, options);
    await world.hosts[0].set(both(CUT));
    await until(async () => (await world.peers[1].glance()).remotes["peer-0"] === "reconnecting", "the other side notices", PATIENCE_MS);
    await world.hosts[0].set();
    await together(world);
    await talked(world, 20);
    await settleAccounts(t, world);
  });

  test(`${name}, while one side gets another address`, long, async (t) => {
    const world = await meet(t, kinds, options);
    await world.hosts[0].move();
    await talked(world, 20);
    await together(world);
    await settleAccounts(t, world);
  });
}

test("a page and a program lose nothing while packets are lost, late and out of order", { timeout: 240_000 }, async (t) => {
  const world = await meet(t, ["chromium", "node"]);
  await world.hosts[0].set(both({ loss: 0.05, delay: 50, jitter: 40, reorder: 0.1 }));
  await talked(world, 30);
  await world.hosts[0].set();
  const { there, back } = await settleAccounts(t, world);
  assert.equal(there.missingAndTold + back.missingAndTold, 0);
});
