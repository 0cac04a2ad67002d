// How many frames of a data track arrive, and how old they are then: for several rates, lengths and audiences, each reader
// in a process of its own. Of several readers one is slow: its process is stopped for four fifths of the time.
//
// Ages are from `tryPush` to the reader's `read`, in milliseconds, on one machine and by one clock.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { subscribers as haveSubscribed, trackOf } from "../tests/support/data-tracks.mjs";
import { channelName, join, remoteOf } from "../tests/support/room.mjs";
import { scope } from "../tests/support/scope.mjs";
import { once } from "../tests/support/wait.mjs";
import { program } from "./support/program.mjs";
import { quantile } from "./support/rounds.mjs";
import { startServer } from "./support/server.mjs";

const RATES = [60, 1_000, 10_000];
const LENGTHS = [64, 16 * 1024];
const READERS = [1, 2, 4, 8];
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
const push = async (track, rate, length, seconds) => {
  const payload = new Uint8Array(length);
  const begin = now();
  let pushed = 0;
  while (now() - begin < seconds * 1_000) {
    const due = Math.min(Math.floor(((now() - begin) / 1_000) * rate), pushed + 100);
    for (; pushed < due; pushed += 1) track.tryPush({ payload, userTimestamp: BigInt(Math.round(now() * 1_000)) });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return pushed;
};

const summary = (ages, seconds, readers) =>
  [ages.length / seconds / readers, ...(ages.length > 0 ? [quantile(ages, 0.5), quantile(ages, 0.99)] : [undefined, undefined])];

/** Frames pushed, read by each and how old, read by the slow one and how old, and dropped by the publisher. */
const measure = async (peer, name, readers, slow, rate, length, seconds) => {
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
  const pushed = await push(track, rate, length, seconds);
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
  const ofSlow = slow ? summary(reports[readers.indexOf(slow)].ages, seconds, 1) : [undefined, undefined, undefined];
  return [pushed / seconds, ...summary(fast.flat(), seconds, fast.length), ...ofSlow, framesDropped];
};

const main = () => program("data-tracks", { rounds: 3 }, async ({ rounds, quick, take }) => {
  const server = await startServer();
  const channel = channelName();
  const peer = await join(scope(), channel, { url: server.url });
  const children = [];
  const rows = [];
  for (const count of quick ? [1] : READERS) {
    while (children.length < count) {
      const child = fork(fileURLToPath(import.meta.url), [server.url, channel, peer.peerId]);
      await once(child, "message");
      children.push(child);
    }
    const slow = count > 1 ? children.at(-1) : undefined;
    for (const length of LENGTHS) {
      for (const rate of RATES) {
        const samples = [];
        for (let round = 0; round < rounds; round += 1) {
          samples.push(await measure(peer, `${count} ${length} ${rate} ${round}`, children, slow, rate, length, quick ? 1 : 3));
        }
        const median = (_, at) => (samples[0][at] === undefined ? undefined : quantile(samples.map((sample) => sample[at] ?? NaN), 0.5));
        rows.push([length, count, ...samples[0].map(median)]);
      }
    }
  }
  take({
    title: `Frames of a data track in Node, medians of ${rounds}`,
    columns: ["bytes", "readers", "pushed/s", "read/s by each", "p50 ms", "p99 ms", "by the slow one", "p50 ms", "p99 ms", "dropped by the publisher"],
    rows,
  });
  for (const child of children) child.send({ end: true });
  await peer.close();
  await server.kill();
});

await (process.send ? read(...process.argv.slice(2)) : main());
