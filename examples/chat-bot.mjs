// A bot that lives in a chat room: it greets whoever comes, and answers commands. It speaks as the demo does, by a data
// channel with the label "chat", so the demo page is a way to talk to it.
//
//   METERED_KEY=pk_live_… node examples/chat-bot.mjs tea-kitchen
//   METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node examples/chat-bot.mjs tea-kitchen
//   then open http://localhost:9292/#tea-kitchen
//
// Stays until Ctrl-C and exits with 0; with 1 when it cannot join, or the server sends it away for good.

import { DataChannel, MeteredPeer } from "metered-realtime";

const LABEL = "chat";
const LONGEST_COMMAND = 200;

const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const room = process.argv[2] ?? "metered-realtime-chat";
const bot = new MeteredPeer({ apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) });

const short = (id) => id.slice(0, 8);

/** A throw of dice, `2d6` for two with six faces; undefined for what is none. */
function roll(dice) {
  const [, count, faces] = dice.match(/^(\d{1,2})d(\d{1,3})$/) ?? [];
  if (!(count > 0 && faces > 0)) return undefined;
  return Array.from({ length: Number(count) }, () => 1 + Math.floor(Math.random() * faces));
}

/** What the bot knows, by command: each gets the rest of the line and answers a text. */
const commands = {
  "/help": () => `I know ${Object.keys(commands).join(", ")}.`,
  "/who": () => `Here are ${[bot.peerId, ...bot.remotePeers.map(({ id }) => id)].map(short).join(", ")}.`,
  "/time": () => `It is ${new Date().toISOString()}.`,
  "/roll": (dice) => roll(dice || "1d6")?.join(" + ") ?? "Say how many dice and their faces: /roll 2d6",
};

/** The answer to a message; undefined for what is not meant for the bot. What peers send is untrusted. */
function answerTo(data) {
  if (typeof data !== "string" || !data.startsWith("/")) return undefined;
  const [command, ...rest] = data.slice(0, LONGEST_COMMAND).trim().split(/\s+/);
  return commands[command]?.(rest.join(" ")) ?? "I do not know that. Try /help.";
}

bot.on("peer-joined", ({ peer: remote }) => {
  console.log(`${short(remote.id)} came`);
  const chat = remote.openDataChannel(LABEL);
  chat.once("open", () => chat.send(`Hello ${short(remote.id)}! Try /help.`).catch(() => {})); // it left meanwhile
  // Who asks faster than it reads gets no answer, instead of a queue that grows.
  const listen = (channel) => channel.on("message", ({ data }) => {
    const answer = answerTo(data);
    if (answer !== undefined && chat.readyState === "open") chat.trySend(answer);
  });
  // Each side may talk on the channel that it opened, and on the one that the other opened.
  listen(chat);
  remote.on("data-channel", ({ channel }) => channel.label === LABEL && listen(new DataChannel(channel)));
});
bot.on("peer-left", ({ peer: remote }) => console.log(`${short(remote.id)} left`));
bot.on("state-change", ({ to }) => to === "reconnecting" && console.log("the connection was lost, coming back"));
bot.on("error", ({ err }) => console.error(`error: ${err.message}`));

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());

try {
  await bot.join(room, { signal: stop.signal });
  console.log(`bot ${short(bot.peerId)} waits in '${room}'`);
  const left = new Promise((_, reject) => {
    bot.once("left", ({ reason }) => reject(new Error(`the server has closed the connection: ${reason}`)));
  });
  const stopped = new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  if (!stop.signal.aborted) await Promise.race([left, stopped]);
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`FAILED — ${error.message}`);
    process.exitCode = 1;
  }
}
await bot.close();
