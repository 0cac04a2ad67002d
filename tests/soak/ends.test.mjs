// Two peers whose server is killed, or one of whom is stopped by its machine, or has its clock set.

import { test } from "node:test";
import { startServer } from "../support/server.mjs";
import { count, isSoak } from "../support/soak.mjs";
import { PATIENCE_MS, meet, missed, settleAccounts, talked, together } from "../support/two-ends.mjs";
import { within } from "../support/wait.mjs";

const long = { timeout: 1_200_000 };
const KEY = { keyId: "sk_id_dev", secret: "sk_secret_dev" };

/** A page and a program that talk, and their server. */
const connected = async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  return { server, peers: await meet(t, ["chromium", "node"], { server, mint: { claims: {}, key: KEY, seconds: 7_200 } }) };
};

test("a server that is killed and started again and again interrupts no channel", long, async (t) => {
  const { server, peers } = await connected(t);
  const times = count(50, 3);
  for (let n = 0; n < times; n += 1) {
    await server.kill();
    await server.start();
    await within(talked(peers, 10), `both are back after time ${n + 1}`, PATIENCE_MS);
    await together(peers);
  }
  const { there, back } = await settleAccounts(t, peers, { mayForget: true, times });
  if (there.told + back.told > 0) throw new Error("a channel was closed");
});

for (const [which, name] of isSoak ? [[0, "a page"], [1, "a program"]] : []) {
  test(`${name} that its machine stops for a while finds back`, long, async (t) => {
    const { peers } = await connected(t);
    const signal = (name) => peers[which].pids.forEach((pid) => process.kill(pid, name));
    signal("SIGSTOP");
    await missed(peers[1 - which], which);
    const seconds = count(90, 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    signal("SIGCONT");
    await talked(peers, 20);
    await together(peers);
    await settleAccounts(t, peers, { mayForget: true, seconds });
  });
}

test("clocks that leap an hour ahead interrupt nothing for long", long, async (t) => {
  const { peers } = await connected(t);
  await Promise.all(peers.map((peer) => peer.leap()));
  await talked(peers, 20);
  await together(peers);
  await settleAccounts(t, peers);
});
