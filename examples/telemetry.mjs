// Three peers in one process: a bot publishes 60 frames a second on a data track, two readers subscribe to it. One reads
// every frame; the other takes its time with each, and has a buffer of one frame, so that what it reads is always new.
//
//   METERED_KEY=pk_live_… node examples/telemetry.mjs
//   METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node examples/telemetry.mjs
//
// Prints rate, age and drops of both every second for five seconds and exits with 0; with 1 if frames do not come.

import { MeteredPeer } from "metered-realtime";

const CHANNEL = "metered-realtime-telemetry";
const TRACK = "pose";
const FRAMES_PER_SECOND = 60;
const SECONDS = 5;
const TIMEOUT_MS = 30_000;

const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const options = { apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) };

/** A frame: where something is now, as two floats, and when that was, in microseconds. */
const frameNow = (n) => ({
  payload: Float32Array.of(Math.cos(n / 60), Math.sin(n / 60)),
  userTimestamp: BigInt(Math.round(Date.now() * 1_000)),
});

/** Publishes until `stop()`. Without a subscriber nothing is sent. */
async function startBot() {
  const bot = new MeteredPeer(options);
  const track = bot.publishDataTrack({ name: TRACK });
  await bot.join(CHANNEL);
  let n = 0;
  const timer = setInterval(() => {
    try {
      track.tryPush(frameNow(n++));
    } catch (error) {
      if (error.reason !== "not_connected") throw error; // the next frame will do
    }
  }, 1_000 / FRAMES_PER_SECOND);
  return {
    track,
    stop: async () => {
      clearInterval(timer);
      await bot.close();
    },
  };
}

/** The first track of this name that anybody in the room publishes. */
const findTrack = (peer) =>
  new Promise((resolve) => {
    peer.on("peer-joined", ({ peer: remote }) => {
      remote.on("data-track-published", ({ track }) => track.info.name === TRACK && resolve(track));
    });
  });

/** Reads frames with a buffer of this size, and takes `pauseMs` for each. */
async function startReader(name, bufferSize, pauseMs) {
  const reader = new MeteredPeer(options);
  const found = findTrack(reader);
  await reader.join(CHANNEL);
  const track = await found;
  const stream = track.subscribe({ bufferSize });
  let ages = [];
  let total = 0;
  const reading = (async () => {
    for await (const { userTimestamp } of stream) {
      ages.push(Date.now() - Number(userTimestamp) / 1_000);
      total += 1;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  return {
    total: () => total,
    report: () => {
      const sorted = ages.sort((a, b) => a - b);
      const at = (part) => (sorted[Math.floor(sorted.length * part)] ?? NaN).toFixed(1);
      console.log(`${name}: ${sorted.length} frames/s, age ${at(0.5)} ms (99 %: ${at(0.99)} ms), ${track.stats.framesOverflowed} dropped so far`);
      ages = [];
    },
    stop: async () => {
      stream.close();
      await reading;
      await reader.close();
    },
  };
}

async function main() {
  const timer = setTimeout(() => {
    console.error(`FAILED — timed out after ${TIMEOUT_MS / 1000} s`);
    process.exit(1);
  }, TIMEOUT_MS);
  const bot = await startBot();
  const readers = await Promise.all([startReader("steady", 16, 0), startReader("slow  ", 1, 100)]);
  for (let second = 0; second < SECONDS; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const reader of readers) reader.report();
  }
  const [steady, slow] = readers.map((reader) => reader.total());
  const { framesPushed, framesSent, framesDropped } = bot.track.stats;
  for (const reader of readers) await reader.stop();
  await bot.stop();
  clearTimeout(timer);
  const summary = `${framesPushed} frames pushed, ${framesSent} sent to two readers, ${framesDropped} dropped on the way out; read: ${steady} and ${slow}`;
  const isWell = slow > 0 && steady > slow;
  console.log(`${isWell ? "OK" : "FAILED"} — ${summary}`);
  return isWell ? 0 : 1;
}

process.exitCode = await main();
