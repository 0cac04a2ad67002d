// What becomes of a program when the core traps, which is what a panic in Rust becomes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { exitCode } from "../support/child.mjs";
import { channelName, connect } from "../support/room.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { within } from "../support/wait.mjs";

const fileOf = (name) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

/** Runs Node; answers its exit code and what it printed. */
const run = async (t, args) => {
  const child = spawn(process.execPath, args, { cwd: fileOf(".") });
  t.after(() => child.kill("SIGKILL"));
  const printed = { out: "", err: "" };
  child.stdout.on("data", (chunk) => { printed.out += chunk; });
  child.stderr.on("data", (chunk) => { printed.err += chunk; });
  const code = await within(exitCode(child), "the program's end");
  return { code, ...printed };
};

test("a core that fails ends every client: all are told, nothing waits, and the program ends by itself", async (t) => {
  const channel = channelName();
  const witness = await connect(t);
  await witness.subscribe(channel);
  const here = new Set();
  const everybodyLeft = new Promise((resolve) => {
    witness.on("presence", ({ joined, left }) => {
      for (const { peerId } of joined) here.add(peerId);
      for (const { peerId } of left) here.delete(peerId);
      if (here.size === 0 && left.length > 0) resolve();
    });
  });

  const { code, out, err } = await run(t, [fileOf("core-fails.mjs"), JSON.stringify({ options: await access(), channel })]);
  assert.equal(code, 0, err);
  const told = ["internal_error"];
  assert.deepEqual(JSON.parse(out), {
    seen: { a: told, b: told, connected: told, connecting: told, idle: told },
    publishing: "InternalError",
    connect: "InternalError",
    read: "SubscribeDataTrackError",
    lasting: "closed",
    changes: {
      a: ["joined closed"], b: ["joined closed"], connected: ["connected closed"], connecting: ["connecting closed"], idle: ["idle closed"],
    },
    states: Array(5).fill("closed"),
    remotes: 0,
    connections: ["closed"],
    later: Array(6).fill("InternalError"),
    laterThrown: ["InternalError", "InternalError", "MeteredPeerStateError", "InvalidStateError"],
    ownChannel: "settled",
  });
  await within(everybodyLeft, "the others hear that they have left");
});

test("a failure that nobody listens for is an uncaught exception that says what happened", async (t) => {
  const { code, err } = await run(t, ["--input-type=module", "--eval", `
    import { failNext } from ${JSON.stringify(fileOf("failing-core.mjs"))};
    import { FakeServer } from ${JSON.stringify(fileOf("fakes.mjs"))};
    const { SignallingClient } = await import("metered-realtime");
    const server = new FakeServer();
    const client = new SignallingClient({ apiKey: "k", webSocketFactory: server.factory });
    await client.connect();
    failNext();
    server.socket.receive({ type: "message", channel: "a", from: "b", data: 1 });
    console.log("goes on");
  `]);
  assert.equal(code, 1);
  assert.match(err, /InternalError: the core has failed/);
  assert.match(err, /RuntimeError: unreachable/);
});
