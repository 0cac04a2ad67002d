// The clock of the day is set by an hour under a server and under a program, which are in the middle of a session.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawClient } from "../support/raw-clients.mjs";
import { startServer } from "../support/server.mjs";
import { isSoak } from "../support/soak.mjs";
import { PATIENCE_MS, meet, settleAccounts, talked, together } from "../support/two-ends.mjs";
import { until } from "../support/wait.mjs";
import { wallClock } from "../support/wall-clock.mjs";

const KEY = { keyId: "sk_id_dev", secret: "sk_secret_dev" };
const HOUR = 3_600;
const long = { timeout: 600_000 };

/** How far a clock is ahead of ours, in hours. */
const hoursAhead = (milliseconds) => Math.round((milliseconds - Date.now()) / (HOUR * 1_000));

/** The time in milliseconds, as a server tells it whoever comes in. */
const timeOf = async ({ url }) => {
  const client = new RawClient(url);
  const { serverTime } = await client.open();
  await client.close();
  return serverTime * 1_000;
};

/** Two programs that talk, and their server, each by a clock of its own. Tokens are good for two hours. */
const connected = async (t) => {
  const clocks = { server: wallClock(t), program: wallClock(t) };
  const server = await startServer(0, { command: clocks.server.command });
  t.after(() => server.kill());
  const hosts = [undefined, clocks.program];
  const peers = await meet(t, ["node", "node"], { server, hosts, mint: { claims: {}, key: KEY, seconds: 2 * HOUR } });
  return { clocks, server, peers };
};

/** One of them loses the server for a moment, and comes back to its session by the tokens that it has. */
const comesBack = async (peers, server) => {
  process.kill(server.pid, "SIGSTOP");
  await until(async () => (await peers[0].glance()).state === "reconnecting", "the server is missed", PATIENCE_MS);
  process.kill(server.pid, "SIGCONT");
  await together(peers);
};

for (const [whose, hours] of isSoak ? [["server", 1], ["server", -1], ["program", 1], ["program", -1]] : [["server", 1]]) {
  test(`the ${whose}'s clock is set ${hours > 0 ? "ahead" : "back"} by an hour, and nothing is lost`, long, async (t) => {
    const { clocks, server, peers } = await connected(t);
    clocks[whose].set(hours * HOUR);
    assert.equal(hoursAhead(await (whose === "server" ? timeOf(server) : peers[1].now())), hours);
    await talked(peers, 20);
    await comesBack(peers, server);
    await talked(peers, 20);
    const { there, back } = await settleAccounts(t, peers);
    assert.equal(there.told + back.told, 0, "a channel was closed");
  });
}
