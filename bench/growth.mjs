// What one more peer costs in a room that grows: processor time and memory of one peer, in Node with real connections.
//
// The peer that is measured has a process of its own; of the others, four share one. Processor time and memory are those of
// the whole process, `@roamhq/wrtc`'s native threads included. For larger rooms there is the simulator, whose cores are the
// same: there it is the core alone that is measured.

import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { answerOf } from "./support/processes.mjs";
import { program } from "./support/program.mjs";
import { spread } from "./support/rounds.mjs";
import { createChannel, loadSdk, udpOnly } from "./support/sdks.mjs";
import { KEY, startServer } from "./support/server.mjs";

const MESSAGES = 200;
/** How many peers share a process: the connections of more open too many files. */
const SHARED = 4;

/** Some peers in one process: each opens a channel to everybody whose id is greater, and sends through it when told to. */
const members = async (which, url, channel, count) => {
  const { newPeer, DataChannel } = await loadSdk(which, { apiKey: KEY, url });
  const channels = [];
  let arrived = 0;
  const keep = (dc) => {
    channels.push(dc);
    dc.on("message", () => { arrived += 1; });
  };
  const options = await udpOnly();
  const peers = Array.from({ length: count }, () => newPeer(options));
  for (const peer of peers) {
    peer.on("peer-joined", ({ peer: remote }) => {
      remote.on("data-channel", (event) => keep(new DataChannel(event.channel)));
      if (peer.peerId < remote.id) keep(new DataChannel(createChannel(remote, "bench")));
    });
  }
  const usage = () => ({ cpu: process.cpuUsage(), rss: process.memoryUsage().rss });
  let before = usage();
  const report = () => {
    const { user, system } = process.cpuUsage(before.cpu);
    const answer = { cpu: (user + system) / 1_000, rss: (process.memoryUsage().rss - before.rss) / 2 ** 20, arrived };
    before = usage();
    return answer;
  };
  const steps = {
    join: async (others) => {
      report();
      await Promise.all(peers.map((peer) => peer.join(channel)));
      while (channels.filter((dc) => dc.readyState === "open").length < others * count) await pause(5);
      return report();
    },
    broadcast: async (expected) => {
      report();
      for (let i = 0; i < MESSAGES; i += 1) for (const dc of channels) await dc.send("x".repeat(64));
      while (arrived < expected * count) await pause(5);
      return report();
    },
    end: async () => {
      await Promise.all(peers.map((peer) => peer.close()));
      setImmediate(() => process.exit());
    },
  };
  process.on("message", async ([step, argument]) => {
    const answer = await steps[step](argument);
    if (answer) process.send(answer);
  });
  process.once("disconnect", () => process.exit());
  process.send("ready");
};

const start = async (...args) => {
  const child = fork(fileURLToPath(import.meta.url), args.map(String));
  await answerOf(child);
  return (step, argument) => {
    const answer = step === "end" ? once(child, "exit") : answerOf(child);
    child.send([step, argument]);
    return answer;
  };
};

/** One peer joins a room of so many others, and each says so many messages to everybody. */
const grow = async (which, url, others) => {
  const channel = `bench-${crypto.randomUUID()}`;
  const shares = [1];
  for (let left = others; left > 0; left -= SHARED) shares.push(Math.min(left, SHARED));
  const processes = await Promise.all(shares.map((count) => start(which, url, channel, count)));
  /** What the one peer says of a step that all do. */
  const all = async (...step) => (await Promise.all(processes.map((tell) => tell(...step))))[0];
  const join = await all("join", others);
  const expected = others * MESSAGES;
  const messages = await all("broadcast", expected);
  await all("end");
  return { cpu: join.cpu / others, rss: join.rss / others, message: (messages.cpu * 1_000) / (2 * expected) };
};

/** What the simulator says of rooms of these sizes. */
const simulated = (sizes) => {
  const args = ["run", "--release", "--quiet", "--package", "metered-sim", "--example", "growth", "--", ...sizes.map(String)];
  const { status, stdout } = spawnSync("cargo", args, { cwd: fileURLToPath(new URL("..", import.meta.url)), encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`the simulator ended with ${status}`);
  return JSON.parse(stdout);
};

const main = () => program("growth", { rounds: 5 }, async ({ rounds, quick, take }) => {
  const server = await startServer();
  const rows = [];
  for (const size of quick ? [2, 4] : [2, 4, 8, 16]) {
    const samples = { ours: [], official: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const which of round % 2 ? ["ours", "official"] : ["official", "ours"]) {
        samples[which].push(await grow(which, server.url, size - 1));
      }
    }
    for (const [which, list] of Object.entries(samples)) {
      const median = (name) => spread(list.map((sample) => sample[name])).median;
      rows.push([which, size, median("cpu"), median("rss"), median("message")]);
    }
  }
  take({
    title: `One peer in a room in Node, medians of ${rounds}, per other peer`,
    columns: ["", "peers", "processor ms to join", "MiB more", "processor µs per message sent or received"], rows,
  });
  await server.kill();
  const cores = simulated(quick ? [2, 8] : [2, 4, 8, 16, 32, 64, 256]);
  take({
    title: "The core of one peer that joins a room in the simulator",
    columns: ["peers", "inputs", "outputs", "µs to join", "µs per other", "KiB held", "KiB per other", "µs per message", "events of the world"],
    rows: cores.map(({ peers, inputs, outputs, joinUs, messageUs, bytes, events }) =>
      [peers, inputs, outputs, joinUs, joinUs / (peers - 1), bytes / 1024, bytes / 1024 / (peers - 1), messageUs / (peers - 1), events]),
  });
});

await (process.send ? members(...process.argv.slice(2, 5), Number(process.argv[5])) : main());
