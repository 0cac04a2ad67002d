// How many frames of a data track arrive, and how old they are then: for several rates, lengths and audiences, each reader
// in a process of its own. Of eight readers one is slow: its process is stopped for four fifths of the time.
//
//   cargo xtask package && cargo build --package metered-server && node bench/data-tracks.mjs
//
// Ages are from `tryPush` to the reader's `read`, in milliseconds, on one machine and by one clock.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { subscribers as haveSubscribed, trackOf } from "../tests/support/data-tracks.mjs";
import { channelName, join, remoteOf } from "../tests/support/room.mjs";
import { startServer } from "../tests/support/server.mjs";
import { scope } from "../tests/support/scope.mjs";
import { once } from "../tests/support/wait.mjs";

const RATES = [60, 1_000, 10_000];
const LENGTHS = [64, 16 * 1024];
const READERS = [1, 8];
const SECONDS = 3;
/** How long the slow reader's process runs and is stopped, in milliseconds. */
const [RUNS_MS, STOPS_MS] = [50, 200];

const now = () => performance.timeOrigin + performance.now();

/** A reader: of each track that it is told of, it counts frames and their ages until it is asked for them. */
const read = async (url, channel, publisher) => {
  const peer = await join(scope(), channel, { url });
  const remote = await remoteOf(peer, publisher);
  process.send({ ready: true });
  let stream;
  let ages;
  process.on("message", async ({ name, report, end }) => {
    if (name) {
      ages = [];
      stream = (await trackOf(remote, name)).subscribe();
      for await (const { userTimestamp } of stream) ages.push(now() - Number(userTimestamp) / 1_000);
    }
    if (report) {
      stream.close();
      process.send({ ages });
    }
    if (end) await peer.close().then(() => process.exit());
  });
};

/** Pushes at a rate for a while, as far as one thread can. */
const push = async (track, rate, length) => {
  const payload = new Uint8Array(length);
  const begin = now();
  let pushed = 0;
  while (now() - begin < SECONDS * 1_000) {
    const due = Math.min(Math.floor(((now() - begin) / 1_000) * rate), pushed + 100);
    for (; pushed < due; pushed += 1) track.tryPush({ payload, userTimestamp: BigInt(Math.round(now() * 1_000)) });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return pushed;
};

const quantile = (sorted, part) => (sorted.length > 0 ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1) : "–");
const summary = (ages) => {
  const sorted = ages.sort((a, b) => a - b);
  return [(sorted.length / SECONDS).toFixed(0), quantile(sorted, 0.5), quantile(sorted, 0.99)];
};

const measure = async (peer, name, readers, slow, rate, length) => {
  const track = peer.publishDataTrack({ name });
  for (const reader of readers) reader.send({ name });
  await haveSubscribed(track, readers.length);
  let timer;
  const stop = () => {
    slow.kill("SIGSTOP");
    timer = setTimeout(run, STOPS_MS);
  };
  const run = () => {
    slow.kill("SIGCONT");
    timer = setTimeout(stop, RUNS_MS);
  };
  if (slow) stop();
  const pushed = await push(track, rate, length);
  clearTimeout(timer);
  slow?.kill("SIGCONT");
  const { framesDropped } = track.stats;
  const reports = await Promise.all(readers.map((reader) => {
    const report = once(reader, "message");
    reader.send({ report: true });
    return report;
  }));
  await track.unpublish();
  const fast = reports.filter((_, at) => readers[at] !== slow).map(({ ages }) => ages);
  const row = [length, readers.length, (pushed / SECONDS).toFixed(0), ...summary(fast.flat())];
  row[3] = (Number(row[3]) / fast.length).toFixed(0);
  console.log(`| ${[...row, ...(slow ? summary(reports[readers.indexOf(slow)].ages) : ["", "", ""]), framesDropped].join(" | ")} |`);
};

const main = async () => {
  const server = await startServer();
  const channel = channelName();
  const peer = await join(scope(), channel, { url: server.url });
  const children = [];
  console.log("| bytes | readers | pushed/s | read/s by each | p50 ms | p99 ms | by the slow one | p50 ms | p99 ms | dropped by the publisher |\n|---|---|---|---|---|---|---|---|---|---|");
  for (const count of READERS) {
    while (children.length < count) {
      const child = fork(fileURLToPath(import.meta.url), [server.url, channel, peer.peerId]);
      await once(child, "message");
      children.push(child);
    }
    for (const length of LENGTHS) {
      for (const rate of RATES) await measure(peer, `${count} ${length} ${rate}`, children, count > 1 ? children.at(-1) : undefined, rate, length);
    }
  }
  for (const child of children) child.send({ end: true });
  await peer.close();
  await server.kill();
};

await (process.send ? read(...process.argv.slice(2)) : main());
