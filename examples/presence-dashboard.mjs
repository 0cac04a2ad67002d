// Who is in which room, in the terminal: it subscribes to channels and draws what presence says, without being a peer of
// anybody. On a terminal the picture is drawn anew with each change; elsewhere each change is a line, for logs and pipes.
//
//   METERED_KEY=pk_live_… node examples/presence-dashboard.mjs tea-kitchen lobby
//   METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node examples/presence-dashboard.mjs tea-kitchen
//
// Stays until Ctrl-C and exits with 0; with 1 when it cannot connect or subscribe, or the server sends it away for good.

import { SignallingClient } from "metered-realtime";

const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const names = [...new Set(process.argv.slice(2))];
if (names.length === 0) names.push("tea-kitchen");

const client = new SignallingClient({ apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) });

// Ids and metadata come from others: what is no printable character could steer the terminal.
const printable = (text, length) => String(text).replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?").slice(0, length);

// ---- what presence says

/** For each channel: the peers in it, each with its label and since when it is here. */
const channels = new Map(names.map((name) => [name, new Map()]));
/** Channels whose next presence lists everybody. */
const fresh = new Set(names);

client.on("connected", ({ resumed }) => {
  // Another session than before: who left meanwhile is only known by not being in the next list.
  if (!resumed) for (const name of names) fresh.add(name);
});
client.on("presence", ({ channel, joined, left }) => {
  const peers = channels.get(channel);
  if (!peers) return;
  const here = new Set(joined.map(({ peerId }) => peerId));
  const gone = fresh.delete(channel) ? [...peers.keys()].filter((id) => !here.has(id)) : left.map(({ peerId }) => peerId);
  for (const id of gone) {
    if (peers.delete(id)) view.change(channel, "-", id);
  }
  for (const { peerId, metadata } of joined) {
    if (peerId === client.peerId || peers.has(peerId)) continue;
    peers.set(peerId, { label: metadata?.name === undefined ? "" : printable(metadata.name, 40), since: Date.now() });
    view.change(channel, "+", peerId);
  }
});
client.on("state-change", ({ to }) => view.state(to));
client.on("server-error", ({ code }) => view.state(`the server says ${printable(code, 60)}`));

// ---- two ways to show it

const clock = (at = Date.now()) => new Date(at).toISOString().slice(11, 19);

/** A line for each change. */
const lines = {
  change: (channel, sign, id) => console.log(`${clock()} ${printable(channel, 60)} ${sign} ${printable(id, 40)}`),
  state: (text) => console.log(`${clock()} ${text}`),
  end: () => {},
};

/** A picture on the terminal's other screen, which is given back in the end. */
function picture() {
  let state = client.state;
  let due;
  const draw = () => {
    due = undefined;
    const rows = [`${clock()}  ${state}`, ""];
    for (const [name, peers] of channels) {
      rows.push(`${printable(name, 60)}: ${peers.size}`);
      for (const [id, { label, since }] of peers) rows.push(`  ${printable(id, 40).padEnd(40)}  since ${clock(since)}  ${label}`);
      rows.push("");
    }
    const height = process.stdout.rows || 24;
    const width = process.stdout.columns || 80;
    if (rows.length > height) rows.splice(height - 1, Infinity, `… ${rows.length - height + 1} more lines`);
    process.stdout.write(`\x1b[H${rows.map((row) => `${row.slice(0, width)}\x1b[K`).join("\r\n")}\x1b[J`);
  };
  // However many changes come at once, they are one picture.
  const soon = () => {
    due ??= setTimeout(draw, 50);
  };
  process.stdout.write("\x1b[?1049h\x1b[?25l");
  process.stdout.on("resize", soon);
  const second = setInterval(soon, 1_000);
  return {
    change: soon,
    state: (text) => {
      state = text;
      soon();
    },
    end: () => {
      clearInterval(second);
      clearTimeout(due);
      process.stdout.off("resize", soon);
      process.stdout.write("\x1b[?25h\x1b[?1049l");
    },
  };
}

const view = process.stdout.isTTY ? picture() : lines;

// ---- from the start to the end

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
process.stdout.on("error", () => stop.abort()); // nobody reads any more: `… | head`

let problem;
try {
  const closed = new Promise((_, reject) => {
    client.on("disconnected", ({ code, reason, willReconnect }) => {
      if (!willReconnect) reject(new Error(`the server has closed the connection: ${code} ${reason}`));
    });
  });
  closed.catch(() => {}); // our own close, after a problem before the race
  const stopped = new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  await client.connect({ signal: stop.signal });
  for (const name of names) await client.subscribe(name, { signal: stop.signal });
  await Promise.race([closed, stopped]);
} catch (error) {
  if (!stop.signal.aborted) problem = error;
}
await client.close();
view.end();
if (problem) {
  console.error(`FAILED — ${problem.message}`);
  process.exitCode = 1;
}
