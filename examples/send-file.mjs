// Sends a file from peer to peer, at the pace of the connection and of the receiver's disk, and checks its SHA-256.
//
//   METERED_KEY=pk_live_… node examples/send-file.mjs receive DIR [ROOM]
//   METERED_KEY=pk_live_… node examples/send-file.mjs send FILE [ROOM]
//   with a server of your own: METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node …
//
// The sender waits for a receiver, and exits with 0 once that has the whole file and the same SHA-256; with 1 if anything
// went wrong. The receiver takes files until Ctrl-C. It writes into DIR only, and never over a file that is there already.
// Everybody in the room may send it files: choose a room that nobody guesses, or a key that few have.
//
// What is said on the data channel "file", which the sender opens. Texts are JSON, bytes are the file:
//   sender                                receiver
//   {"name", "size"}                ───►
//                                   ◄───  {"accept": true} or {"refuse": why}
//   bytes …                         ───►
//                                   ◄───  {"received": bytes so far}, now and then
//   {"sha256"}                      ───►
//                                   ◄───  {"saved": name} or {"refuse": why}

import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, stat, unlink } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { TransformStream } from "node:stream/web";
import { Readable } from "node:stream";
import { DataChannel, MeteredPeer } from "metered-realtime";

const LABEL = "file";
/** Bytes on their way. A data channel cannot make the other side pause, so the sender waits for the receiver's word. */
const WINDOW = 8 * 1024 * 1024;
const REPORT_EVERY = 1024 * 1024;
const LARGEST_FILE = 16 * 1024 ** 3;
const MOST_AT_ONCE = 4;

const USAGE = "Usage: send-file.mjs send FILE [ROOM] | receive DIR [ROOM]";
const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const [role, path, room = "metered-realtime-files"] = process.argv.slice(2);
if (!["send", "receive"].includes(role) || !path) {
  console.error(USAGE);
  process.exit(2);
}
const peer = new MeteredPeer({ apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) });
const stop = new AbortController();
const STOPPED = new Error("stopped");
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort(STOPPED));
/** Rejects when the program is to end. */
const ended = new Promise((_, reject) => stop.signal.addEventListener("abort", () => reject(stop.signal.reason)));
ended.catch(() => {});
peer.on("error", ({ err }) => console.error(`error: ${err.message}`));
peer.once("left", ({ reason }) => stop.abort(new Error(`the server has closed the connection: ${reason}`)));

// ---- sending

/** Sends what `file` describes to the first receiver that comes, and resolves with the name that it has there. */
async function send(file) {
  const met = new Promise((resolve, reject) => {
    peer.on("peer-joined", ({ peer: remote }) => {
      // Whoever is no receiver says nothing. The first one that answers is it.
      const channel = new DataChannel(remote.createDataChannel(LABEL));
      channel.once("open", () => channel.send(JSON.stringify({ name: file.name, size: file.size })).catch(() => {}));
      const offered = ({ data }) => {
        channel.off("message", offered);
        const { accept, refuse } = parse(data);
        if (accept) resolve(channel);
        else reject(refusal(refuse));
      };
      channel.on("message", offered);
    });
  });
  met.catch(() => {}); // told where it is awaited, after the join
  await peer.join(room, { signal: stop.signal });
  console.log(`waiting for a receiver in '${room}'`);
  return transfer(file, await Promise.race([met, ended]));
}

const refusal = (why) => new Error(`refused: ${JSON.stringify(String(why).slice(0, 200))}`);

async function transfer(file, channel) {
  const bar = progress(file.name, file.size);
  let sent = 0;
  let received = 0;
  let wake = () => {};
  const answered = new Promise((resolve, reject) => {
    channel.on("message", ({ data }) => {
      const message = parse(data);
      if (message.received > received) bar.show((received = Math.min(message.received, sent)));
      if (message.saved) resolve(message.saved);
      if (message.refuse) reject(refusal(message.refuse));
      wake();
    });
    channel.once("close", () => reject(new Error("the connection was lost")));
    ended.catch(reject);
  });
  let failed = false;
  answered.catch(() => { // why is told where it is awaited
    failed = true;
    wake();
  });
  const hash = createHash("sha256");
  const pace = new TransformStream({
    async transform(chunk, controller) {
      hash.update(chunk);
      sent += chunk.length;
      controller.enqueue(chunk);
      while (sent - received > WINDOW && !failed) await new Promise((resolve) => { wake = resolve; });
    },
  });
  const chunks = Readable.toWeb(createReadStream(file.path, { highWaterMark: 64 * 1024 }));
  const written = chunks.pipeThrough(pace).pipeTo(channel.writable, { signal: stop.signal });
  try {
    // What the receiver says against it ends the sending as well.
    await Promise.race([written, answered]);
    await channel.send(JSON.stringify({ sha256: hash.digest("hex") }));
    return await answered;
  } finally {
    written.catch(() => {});
    bar.end();
  }
}

// ---- receiving

/** Takes files until the program is told to stop. */
async function receive(directory) {
  await mkdir(directory, { recursive: true });
  let underWay = 0;
  peer.on("peer-joined", ({ peer: remote }) => {
    remote.on("data-channel", async ({ channel: native }) => {
      if (native.label !== LABEL) return native.close();
      const channel = new DataChannel(native);
      const say = (message) => channel.send(JSON.stringify(message));
      underWay += 1;
      try {
        if (underWay > MOST_AT_ONCE) throw new Error("too many files at once");
        const { name, sha256 } = await takeFile(directory, channel, say);
        console.log(`OK — ${name} is here, SHA-256 ${sha256}`);
        await say({ saved: name });
      } catch (error) {
        // An offer that was not taken up: another receiver was faster.
        if (error !== NOT_STARTED) console.error(`a file was not taken: ${error.message}`);
        await say({ refuse: error.message }).catch(() => {});
      } finally {
        underWay -= 1;
      }
    });
  });
  await peer.join(room, { signal: stop.signal });
  console.log(`receiving into ${directory} from '${room}'`);
  await ended;
}

const NOT_STARTED = new Error("nothing was sent");

/** Takes one file. It bears a name of its own until it is complete, and is gone if it does not get so far. */
async function takeFile(directory, channel, say) {
  const messages = channel.readable[Symbol.asyncIterator]();
  const { name, size } = parse((await messages.next()).value);
  const wanted = safeName(name);
  if (!Number.isSafeInteger(size) || size < 0 || size > LARGEST_FILE) throw new Error("a size that cannot be");
  const part = join(directory, `.${randomUUID()}.part`);
  const file = await open(part, "wx");
  const bar = progress(wanted, size);
  try {
    await say({ accept: true });
    const hash = createHash("sha256");
    let received = 0;
    let reported = 0;
    for (;;) {
      const { value, done } = await messages.next();
      if (done) throw received === 0 ? NOT_STARTED : new Error("the connection was lost");
      if (typeof value === "string") {
        const sha256 = hash.digest("hex");
        if (received !== size || parse(value).sha256 !== sha256) throw new Error("what arrived is not what was sent");
        await file.sync();
        return { name: await keep(directory, part, wanted), sha256 };
      }
      received += value.length;
      if (received > size) throw new Error("more arrived than was announced");
      hash.update(value);
      await file.writeFile(value);
      bar.show(received);
      if (received - reported >= REPORT_EVERY || received === size) await say({ received: (reported = received) });
    }
  } finally {
    bar.end();
    await file.close();
    await unlink(part).catch(() => {});
    await messages.return();
  }
}

/** A name that is one in a directory, whatever the sender calls its file. */
function safeName(name) {
  if (typeof name !== "string") throw new Error("a file without a name");
  const last = basename(name.replaceAll("\\", "/")).replace(/[\p{C}<>:"|?*]/gu, "_").replace(/^\.+|[. ]+$/g, "");
  return last.slice(0, 100) || "file";
}

/** Gives a complete file its name, or that with a number if there is such a file already. Answers the name. */
async function keep(directory, part, wanted) {
  const extension = extname(wanted);
  const stem = wanted.slice(0, wanted.length - extension.length);
  for (let n = 0; n < 1_000; n += 1) {
    const name = n === 0 ? wanted : `${stem} (${n})${extension}`;
    try {
      await link(part, join(directory, name)); // fails where a rename would overwrite
      return name;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  throw new Error("there are a thousand files of this name already");
}

// ---- both

/** What the other side says, which may be anything. */
function parse(text) {
  if (text === undefined) throw NOT_STARTED;
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** A bar that is drawn anew on a terminal; elsewhere a line for each quarter. */
function progress(name, size) {
  const { isTTY } = process.stdout;
  const begun = performance.now();
  let shown = -1;
  return {
    show: (bytes) => {
      const percent = size === 0 ? 100 : Math.floor((100 * bytes) / size);
      const step = isTTY ? percent : Math.floor(percent / 25);
      if (step === shown) return;
      shown = step;
      const rate = (bytes / 1e3 / Math.max(performance.now() - begun, 1)).toFixed(1);
      const text = `${name} [${"#".repeat(percent / 5).padEnd(20, ".")}] ${percent} %, ${rate} MB/s`;
      process.stdout.write(isTTY ? `\r${text}\x1b[K` : `${text}\n`);
    },
    end: () => isTTY && shown >= 0 && process.stdout.write("\n"),
  };
}

async function describe(file) {
  const facts = await stat(file);
  if (!facts.isFile()) throw new Error(`${file} is no file`);
  return { path: file, name: basename(file), size: facts.size };
}

try {
  if (role === "receive") await receive(path);
  else console.log(`OK — sent, and there it is called ${JSON.stringify(await send(await describe(path)))}`);
} catch (error) {
  if (role !== "receive" || error !== STOPPED) {
    console.error(`FAILED — ${error.message}`);
    process.exitCode = 1;
  }
}
await peer.close();
