// The chat bot, talked to as somebody in its room does.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { asksFor, runExample } from "../support/example.mjs";
import { channelName, newPeer } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once } from "../support/wait.mjs";

/** Somebody in the bot's room: the bot as a remote, a channel to it, and what it says, one after the other. */
const visit = async (t, room) => {
  const peer = await newPeer(t);
  const joined = once(peer, "peer-joined");
  await peer.join(room);
  const { peer: bot } = await joined;
  const chat = bot.openDataChannel("chat");
  const arrived = once(bot, "data-channel");
  const said = new DataChannel((await arrived).channel).events("message");
  if (chat.readyState !== "open") await once(chat, "open");
  return { peer, bot, chat, next: async () => (await said.next()).value.data };
};

test("it greets who comes, answers commands, and says nothing to anything else", async (t) => {
  const room = channelName();
  const program = await runExample(t, "chat-bot", [room]);
  await program.line("waits in");
  const { peer, bot, chat, next } = await visit(t, room);
  assert.equal(await next(), `Hello ${peer.peerId.slice(0, 8)}! Try /help.`);

  await chat.send("good morning");
  await chat.send(new Uint8Array([47, 119]));
  await chat.send("/help");
  assert.equal(await next(), "I know /help, /who, /time, /roll.");
  await chat.send("/who");
  assert.equal(await next(), `Here are ${bot.id.slice(0, 8)}, ${peer.peerId.slice(0, 8)}.`);
  await chat.send("/time");
  assert.match(await next(), /^It is \d{4}-\d\d-\d\dT.*Z\.$/);
  await chat.send("/roll 3d1");
  assert.equal(await next(), "1 + 1 + 1");
  for (const [line, answer] of [
    ["/roll 0d6", "Say how many dice and their faces: /roll 2d6"],
    ["/roll 999999999d6", "Say how many dice and their faces: /roll 2d6"],
    ["/toString", "I do not know that. Try /help."],
    [`/${"x".repeat(100_000)}`, "I do not know that. Try /help."],
  ]) {
    await chat.send(line);
    assert.equal(await next(), answer);
  }
});

test("Ctrl-C has it leave the room, so that the others see it go", async (t) => {
  const room = channelName();
  const program = await runExample(t, "chat-bot", [room]);
  await program.line("waits in");
  const { peer, bot } = await visit(t, room);
  // Somebody who goes without a word is missed after 15 s only.
  const left = once(peer, "peer-left", { filter: (event) => event.peer === bot, timeout: 10_000 });
  assert.equal(await program.stop(), 0, program.lines.join("\n"));
  await left;
});

test("a bot that cannot join says why and exits with 1", async (t) => {
  const { lines, ended } = await runExample(t, "chat-bot", [], { environment: { METERED_KEY: "pk_live_nobody" } });
  assert.equal(await ended(), 1);
  assert.match(lines.at(-1), /^FAILED — .*4001/);
});

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "chat-bot", "METERED_KEY"));
