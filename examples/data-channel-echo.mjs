// Two peers in one process: the client opens a peer-to-peer data channel, the bot answers every message.
//
//   METERED_KEY=pk_live_… node examples/data-channel-echo.mjs
//   METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node examples/data-channel-echo.mjs
//
// Prints what the bot echoed and exits with 0; with 1 when that takes longer than 30 s.
// As two processes: `… data-channel-echo.mjs bot` in one shell (until Ctrl-C) and `… client` in another.

import { DataChannel, MeteredPeer } from "metered-realtime";

const CHANNEL = "metered-realtime-dc-echo";
const MESSAGES = ["ping", "hello", "metered"];
const TIMEOUT_MS = 30_000;

const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const options = { apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) };

/** Answers every message on every data channel that a peer opens to us. */
function startBot() {
  const bot = new MeteredPeer(options);
  bot.on("peer-joined", ({ peer: remote }) => {
    remote.on("data-channel", ({ channel }) => {
      const dc = new DataChannel(channel);
      dc.on("message", async ({ data }) => {
        await dc.send(data);
      });
    });
  });
  return bot;
}

/** Opens a channel to the first peer that is there and resolves with what came back for MESSAGES. */
function startClient() {
  const client = new MeteredPeer(options);
  const echoes = [];
  const echoed = new Promise((resolve, reject) => {
    client.once("peer-joined", ({ peer: remote }) => {
      const dc = new DataChannel(remote.createDataChannel("chat"));
      // One at a time: `@roamhq/wrtc` may deliver what arrives before its `datachannel` event in another order.
      const next = () => dc.send(MESSAGES[echoes.length]).catch(reject);
      dc.on("open", next);
      dc.on("message", ({ data }) => {
        echoes.push(data);
        if (echoes.length < MESSAGES.length) return next();
        resolve(echoes);
      });
    });
  });
  return { client, echoed, echoes };
}

async function main(role) {
  const bot = role === "client" ? undefined : startBot();
  if (role === "bot") {
    await bot.join(CHANNEL);
    console.log(`bot ${bot.peerId} waits in '${CHANNEL}'`);
    await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
    await bot.close();
    return 0;
  }
  const { client, echoed, echoes } = startClient();
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  });
  try {
    await Promise.race([
      timeout,
      (async () => {
        await bot?.join(CHANNEL);
        await client.join(CHANNEL);
        await echoed;
      })(),
    ]);
    console.log(`OK — bot echoed ${JSON.stringify(echoes)}`);
    return JSON.stringify(echoes) === JSON.stringify(MESSAGES) ? 0 : 1;
  } catch (error) {
    console.error(`FAILED — ${error.message} (echoes so far: ${JSON.stringify(echoes)})`);
    return 1;
  } finally {
    clearTimeout(timer);
    await bot?.close();
    await client.close();
  }
}

process.exitCode = await main(process.argv[2]);
