// Two peers, the server and a relay, each on a host of its own, and a network between them that breaks in every way.
// Both ends keep a ledger of what they send and hear: see ledger.mjs.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CUT, startNetwork } from "../support/network.mjs";
import { startServer } from "../support/server.mjs";
import { count, isSoak } from "../support/soak.mjs";
import { startTurn } from "../support/turn.mjs";
import { PATIENCE_MS, meet, missed, settleAccounts, talked, together } from "../support/two-ends.mjs";
import { until } from "../support/wait.mjs";

const KEY = { keyId: "sk_id_soak", secret: "the secret of a soak test" };

/**
 * The files of a server that is reached by TLS, since nobody connects to another machine without. It gives up who is silent
 * for `idleMs`, and the sessions of those whom it has given up after `graceMs`.
 */
const configuration = (t, address, { idleMs, graceMs }) => {
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
    idle_timeout_ms = ${idleMs}
    [resume]
    grace_ms = ${graceMs}
  `);
  return config;
};

/** A room of two of these kinds, each on its host, and the server and a relay on another. */
const connected = async (t, kinds, { relayOnly = false, seconds = 7_200, idleMs = 90_000, graceMs = 120_000 } = {}) => {
  const network = await startNetwork(t);
  const [{ address, command }, ...hosts] = [await network.host("s"), await network.host("a"), await network.host("b")];
  const server = await startServer(0, { config: configuration(t, address, { idleMs, graceMs }), command });
  t.after(() => server.kill());
  const turn = relayOnly && await startTurn({ address, command });
  t.after(() => turn && turn.stop());
  const claims = turn ? { metadata: { iceServers: turn.iceServers } } : {};
  return { hosts, peers: await meet(t, kinds, { server, hosts, relayOnly, mint: { claims, key: KEY, seconds } }) };
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

/** Long enough to meet before it is renewed. */
const TOKEN_SECONDS = 45;

const long = { timeout: 900_000 };

for (const [name, kinds, options] of isSoak ? ROOMS : []) {
  test(`${name}, while packets are lost, late and out of order`, long, async (t) => {
    const { hosts, peers } = await connected(t, kinds, options);
    for (const [, fault] of BAD) {
      await hosts[0].set(fault);
      await talked(peers, count(100, 20));
    }
    const { dropped } = await hosts[0].set();
    await together(peers);
    const { there, back } = await settleAccounts(t, peers, { packetsLost: dropped });
    assert.equal(there.missingAndTold + back.missingAndTold, 0, "a bad network is no reason to lose anything");
  });

  test(`${name}, while one side is cut off and comes back`, long, async (t) => {
    const { hosts, peers } = await connected(t, kinds, options);
    await hosts[0].set(both(CUT));
    await missed(peers[1], 0);
    await hosts[0].set();
    await together(peers);
    await talked(peers, 20);
    await settleAccounts(t, peers);
  });

  test(`${name}, while one side gets another address`, long, async (t) => {
    const { hosts, peers } = await connected(t, kinds, options);
    await hosts[0].move();
    await talked(peers, 20);
    await together(peers);
    await settleAccounts(t, peers);
  });

  test(`${name}, while one side is cut off until its token has expired`, long, async (t) => {
    const { hosts, peers } = await connected(t, kinds, { ...options, seconds: TOKEN_SECONDS });
    const expired = Date.now() + TOKEN_SECONDS * 1_000;
    await hosts[0].set(both(CUT));
    await until(() => Date.now() > expired, "the token has expired", PATIENCE_MS);
    await hosts[0].set();
    await together(peers);
    await talked(peers, 20);
    await settleAccounts(t, peers);
  });
}

test("a page and a program lose nothing while packets are lost, late and out of order", { timeout: 240_000 }, async (t) => {
  const { hosts, peers } = await connected(t, ["chromium", "node"]);
  await hosts[0].set(both({ loss: 0.05, delay: 50, jitter: 40, reorder: 0.1 }));
  await talked(peers, 30);
  const { dropped } = await hosts[0].set();
  const { there, back } = await settleAccounts(t, peers, { packetsLost: dropped });
  assert.ok(dropped > 0);
  assert.equal(there.missingAndTold + back.missingAndTold, 0);
});

test("a program whose network is gone without a word is given up by the server, gives the server up, and comes back", long, async (t) => {
  const { hosts, peers } = await connected(t, ["node", "node"], { idleMs: 3_000, graceMs: 0 });
  await hosts[0].set(both(CUT));
  // No packet says to either of them that the other is out of reach: only their own timeouts can.
  const limit = 60_000;
  await until(async () => Object.keys((await peers[1].glance()).remotes).length === 0, "the server has noticed", limit);
  await until(async () => (await peers[0].glance()).state === "reconnecting", "the program has noticed", limit);
  await hosts[0].set();
  await together(peers);
  await talked(peers, 20);
  await settleAccounts(t, peers, { mayForget: true });
});
