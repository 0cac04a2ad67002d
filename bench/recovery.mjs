// What a server's crash costs a room: the server is killed, and comes back half a second later.
//
// Meanwhile one peer sends another a message each 10 ms over a data channel, which the application opens again when it
// is told that the connection is a new one.

import { setTimeout as pause } from "node:timers/promises";
import { until } from "../tests/support/wait.mjs";
import { program } from "./support/program.mjs";
import { tabulate, takeTurns } from "./support/rounds.mjs";
import { createChannel, loadSdk } from "./support/sdks.mjs";
import { KEY, startServer } from "./support/server.mjs";

const EVERY_MS = 10;
const DOWN_MS = 500;

/**
 * How a room of so many takes it: `joined` and `gap` in milliseconds, and how many messages were `lost`. `pace` is the longest
 * pause of the timer that sends them: what the process, with all peers in it, has not come to.
 */
const crash = async (which, server, count) => {
  const { newPeer, DataChannel } = await loadSdk(which, { apiKey: KEY, url: server.url });
  const peers = Array.from({ length: count }, () => newPeer());
  const [near, far] = peers;
  const arrivals = [];
  far.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", (event) => {
    new DataChannel(event.channel).on("message", () => arrivals.push(performance.now()));
  }));
  // By peer id: of the official SDK, everybody comes back under another one.
  const channels = new Map();
  near.on("peer-joined", ({ peer: remote }) => {
    const open = () => channels.set(remote.id, new DataChannel(createChannel(remote, "bench")));
    open();
    remote.on("connection-reset", open);
  });
  const channel = `bench-${crypto.randomUUID()}`;
  await Promise.all(peers.map((peer) => peer.join(channel)));
  let sent = 0;
  const send = () => {
    const dc = channels.get(far.peerId);
    if (dc?.readyState === "open") dc.send("x").catch(() => {});
  };
  await until(() => (send(), arrivals.length > 0), "a first message");
  await pause(100);
  arrivals.length = 0;
  const ticks = [];
  const pump = setInterval(() => {
    sent += 1;
    ticks.push(performance.now());
    send();
  }, EVERY_MS);
  await pause(200);

  await server.kill();
  await pause(DOWN_MS);
  await server.start();
  const back = performance.now();
  await until(() => peers.every(({ state }) => state === "joined"), "everybody joined", 20_000);
  const joined = performance.now() - back;
  await pause(500);
  clearInterval(pump);
  await pause(100);
  const end = performance.now() - 100;
  const longest = (moments) => Math.max(...moments.slice(1).map((at, i) => at - moments[i]));
  await Promise.all(peers.map((peer) => peer.close()));
  return { joined, gap: longest([...arrivals, end]), pace: longest(ticks), lost: sent - arrivals.length };
};

await program("recovery", { rounds: 9 }, async ({ rounds, quick, take }) => {
  const server = await startServer();
  for (const count of quick ? [2] : [2, 8]) {
    const answers = await takeTurns({
      base: "official", rounds: count > 2 ? Math.max(3, Math.ceil(rounds / 2)) : rounds, warmups: 1,
      variants: { official: () => crash("official", server, count), ours: () => crash("ours", server, count) },
    });
    const table = (figure, title, unit, goals) => {
      const figures = new Map([...answers].map(([name, list]) => [name, list.map((answer) => answer?.[figure])]));
      take(tabulate(figures, { title: `${title}, ${count} peers in Node`, unit, base: "official", goals }));
    };
    table("joined", "From the server's return until everybody is joined", "ms", { ours: 1 });
    table("gap", `The longest pause of a message each ${EVERY_MS} ms, while the server crashes and returns`, "ms", { ours: 0.8 });
    table("pace", "The longest pause of the timer that sends them", "ms");
    table("lost", "How many of those messages were lost", "messages", { ours: 0 });
  }
  await server.kill();
});
