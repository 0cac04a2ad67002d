// The file sender, between two processes and against senders that lie.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataChannel } from "metered-realtime";
import { asksFor, runExample } from "../support/example.mjs";
import { channelName, newPeer } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, until } from "../support/wait.mjs";

/** A room with a receiver, and a directory with one for what it receives. */
const receiver = async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "metered-realtime-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [room, inbox] = [channelName(), join(directory, "inbox")];
  const program = await runExample(t, "send-file", ["receive", inbox, room]);
  await program.line("receiving into");
  return { room, directory, inbox, program };
};

/** A sender of our own: `offer` says what it has to give, and answers the receiver's word. */
const liar = async (t, room) => {
  const peer = await newPeer(t);
  const joined = once(peer, "peer-joined");
  await peer.join(room);
  const { peer: remote } = await joined;
  const channel = new DataChannel(remote.createDataChannel("file"));
  const answers = channel.events("message");
  await once(channel, "open");
  const next = async () => JSON.parse((await answers.next()).value.data);
  const say = (message) => channel.send(JSON.stringify(message));
  return { peer, channel, next, say, offer: async (message) => (await say(message), next()) };
};

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("a file arrives as it was, with progress on both sides, and a second one of its name takes another", async (t) => {
  const { room, directory, inbox, program } = await receiver(t);
  const file = join(directory, "picture.raw");
  const bytes = randomBytes(12 * 1024 * 1024 + 7);
  writeFileSync(file, bytes);
  for (const name of ["picture.raw", "picture (1).raw"]) {
    const sender = await runExample(t, "send-file", ["send", file, room]);
    assert.equal(await sender.ended(), 0, sender.lines.join("\n"));
    assert.equal(sender.lines.at(-1), `OK — sent, and there it is called ${JSON.stringify(name)}`);
    assert.ok(sender.lines.some((line) => line.includes("[####################] 100 %")), sender.lines.join("\n"));
    await program.line(`OK — ${name} is here, SHA-256 ${sha256(bytes)}`);
    assert.ok(readFileSync(join(inbox, name)).equals(bytes));
  }
  assert.deepEqual(readdirSync(inbox).sort(), ["picture (1).raw", "picture.raw"], "nothing else is left behind");
  assert.equal(await program.stop(), 0);
});

test("an empty file arrives too", async (t) => {
  const { room, directory, inbox } = await receiver(t);
  const file = join(directory, "empty");
  writeFileSync(file, "");
  const sender = await runExample(t, "send-file", ["send", file, room]);
  assert.equal(await sender.ended(), 0, sender.lines.join("\n"));
  assert.equal(readFileSync(join(inbox, "empty")).length, 0);
});

test("whatever a sender calls its file, it is written into the directory", async (t) => {
  const { room, directory, inbox } = await receiver(t);
  for (const [name, saved] of [
    ["../../escape", "escape"],
    ["/etc/passwd", "passwd"],
    ["..\\..\\boot.ini", "boot.ini"],
    ["..", "file"],
    [".bashrc", "bashrc"],
    ["a\nb\u0000\u001b[2J", "a_b__[2J"],
    ["x".repeat(5_000), "x".repeat(100)],
  ]) {
    const { peer, next, say, offer } = await liar(t, room);
    assert.deepEqual(await offer({ name, size: 0 }), { accept: true });
    await say({ sha256: sha256("") });
    assert.deepEqual(await next(), { saved });
    assert.ok(readdirSync(inbox).includes(saved));
    await peer.close();
  }
  assert.deepEqual(readdirSync(directory), ["inbox"]);
});

test("an offer that makes no sense is refused, and so is a file that is not what was announced", async (t) => {
  const { room, inbox } = await receiver(t);
  for (const offer of [{}, { name: 7, size: 1 }, { name: "a" }, { name: "a", size: -1 }, { name: "a", size: 0.5 }, { name: "a", size: 17 * 1024 ** 3 }, null, "hello"]) {
    const sender = await liar(t, room);
    assert.equal(typeof (await sender.offer(offer)).refuse, "string", JSON.stringify(offer));
    await sender.peer.close();
  }
  for (const [bytes, end, refuse] of [
    ["abcd", { sha256: sha256("abce") }, "what arrived is not what was sent"],
    ["abc", { sha256: sha256("abc") }, "what arrived is not what was sent"],
    ["abcde", undefined, "more arrived than was announced"],
  ]) {
    const { peer, channel, next, say, offer } = await liar(t, room);
    assert.deepEqual(await offer({ name: "a", size: 4 }), { accept: true });
    await channel.send(new TextEncoder().encode(bytes));
    if (end) await say(end);
    let answer = await next();
    if (answer.received) answer = await next();
    assert.deepEqual(answer, { refuse });
    await peer.close();
  }
  await until(() => readdirSync(inbox).length === 0, "nothing is left behind");
});

test("a sender that goes away in the middle leaves nothing behind, and the receiver takes the next file", async (t) => {
  const { room, inbox, program } = await receiver(t);
  const { peer, channel, next, offer } = await liar(t, room);
  assert.deepEqual(await offer({ name: "half", size: 4_000_000 }), { accept: true });
  for (let n = 0; n < 10; n += 1) await channel.send(new Uint8Array(200_000));
  assert.ok((await next()).received >= 1_000_000);
  assert.equal(readdirSync(inbox).length, 1, "it has begun");
  await peer.close();
  await program.line("a file was not taken: the connection was lost");
  await until(() => readdirSync(inbox).length === 0, "nothing is left behind");
  assert.equal(await program.stop(), 0);
});

test("a sender whom the receiver refuses exits with 1 and says why", async (t) => {
  const room = channelName();
  const peer = await newPeer(t);
  peer.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", ({ channel }) => {
    const answers = new DataChannel(channel);
    answers.on("message", () => answers.send(`{"refuse": "no room\\u001b[2J"}`));
  }));
  await peer.join(room);
  const sender = await runExample(t, "send-file", ["send", new URL(import.meta.url).pathname, room]);
  assert.equal(await sender.ended(), 1);
  assert.equal(sender.lines.at(-1), `FAILED — refused: "no room\\u001b[2J"`);
});

test("a sender is never further ahead than 8 MiB of what the receiver says it has", async (t) => {
  const [window, chunk] = [8 * 1024 * 1024, 64 * 1024];
  const directory = mkdtempSync(join(tmpdir(), "metered-realtime-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "long");
  const bytes = randomBytes(20 * 1024 * 1024);
  writeFileSync(file, bytes);
  const [peer, room] = [await newPeer(t), channelName()];
  let [total, reported, furthest] = [0, 0, 0];
  peer.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", ({ channel }) => {
    const dc = new DataChannel(channel);
    const say = (message) => dc.send(JSON.stringify(message));
    dc.on("message", async ({ data }) => {
      if (typeof data === "string") return say("size" in JSON.parse(data) ? { accept: true } : { saved: "long" });
      const before = total;
      total += data.byteLength;
      furthest = Math.max(furthest, total - reported);
      const isFull = before - reported < window && total - reported >= window;
      if (!isFull) return;
      // Time for what should not come.
      for (let n = 0; n < 20; n += 1) await peer.send("still writing");
      reported = total;
      await say({ received: total });
    });
  }));
  await peer.join(room);
  const sender = await runExample(t, "send-file", ["send", file, room]);
  assert.equal(await sender.ended(), 0, sender.lines.join("\n"));
  assert.equal(total, bytes.length);
  assert.ok(furthest <= window + chunk, `${furthest} bytes ahead`);
});

test("what cannot be sent is told before anything else, and Ctrl-C ends the waiting", async (t) => {
  const directory = await runExample(t, "send-file", ["send", tmpdir(), channelName()]);
  assert.equal(await directory.ended(), 1);
  assert.deepEqual(directory.lines, [`FAILED — ${tmpdir()} is no file`]);
  const usage = await runExample(t, "send-file", ["give", "x"]);
  assert.equal(await usage.ended(), 2);
  const waiting = await runExample(t, "send-file", ["send", new URL(import.meta.url).pathname, channelName()]);
  await waiting.line("waiting for a receiver");
  assert.equal(await waiting.stop(), 1);
  assert.equal(waiting.lines.at(-1), "FAILED — stopped");
});

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "send-file", "METERED_KEY", ["receive", "x"]));
