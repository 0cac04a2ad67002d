// What a program around the package sees: modules of both kinds, missing packages, and its own end.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as esm from "metered-realtime";
import { exitCode } from "../support/child.mjs";
import { bareProject } from "../support/project.mjs";
import { channelName } from "../support/room.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { once, within } from "../support/wait.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** Runs a program that has `options`, and answers what it printed once it has ended by itself. */
const program = async (code, { cwd = here } = {}) => {
  const options = JSON.stringify(await access());
  const child = spawn(process.execPath, ["--input-type=module", "--eval", `const options = ${options};\n${code}`], { cwd });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => { out += chunk; });
  try {
    const code = await within(exitCode(child), `the program's end; so far it printed:\n${out}`, 12_000);
    return { code, out: out.trim() };
  } finally {
    child.kill("SIGKILL");
  }
};

const channel = channelName();

test("import and require work side by side, each with classes of its own", async (t) => {
  const cjs = createRequire(import.meta.url)("metered-realtime");
  const url = (await access()).url;
  const [a, b] = [new esm.MeteredPeer({ ...(await access()), url }), new cjs.MeteredPeer({ ...(await access()), url })];
  t.after(() => Promise.all([a.close(), b.close()]));
  const room = channelName();
  await a.join(room);
  const seen = once(b, "peer-joined");
  await b.join(room);
  const { peer: remote } = await seen;
  assert.ok(remote instanceof cjs.RemotePeer && !(remote instanceof esm.RemotePeer));
  const data = once(a, "data");
  await remote.send("across");
  assert.equal((await data).data, "across");
  await assert.rejects(b.join(room), (error) => error instanceof cjs.MeteredPeerStateError && error instanceof Error);
});

test("a program that only imports the package ends", async () => {
  assert.deepEqual(await program(`import "metered-realtime"; console.log("end");`), { code: 0, out: "end" });
});

test("a program ends by itself after its client is closed", async () => {
  const { code, out } = await program(`
    import { SignallingClient } from "metered-realtime";
    const client = new SignallingClient(options);
    await client.connect();
    await client.subscribe("${channel}");
    await client.close();
    console.log(client.state);`);
  assert.deepEqual([code, out], [0, "closed"]);
});

test("a program ends by itself after its peers and their connections are closed", async () => {
  // The native library crashes, whoever drives it, when a connection is closed while its first channel is just being
  // opened: the channel is used on both sides before anything is closed.
  const { code, out } = await program(`
    import { DataChannel, MeteredPeer } from "metered-realtime";
    const [a, b] = [new MeteredPeer(options), new MeteredPeer(options)];
    b.on("peer-joined", ({ peer }) => peer.on("data-channel", ({ channel }) => {
      const dc = new DataChannel(channel);
      dc.on("message", ({ data }) => dc.send(data));
    }));
    const echoed = new Promise((resolve) => a.on("peer-joined", ({ peer }) => {
      const dc = new DataChannel(peer.createDataChannel("chat"));
      dc.on("open", () => dc.send("x"));
      dc.on("message", () => resolve(dc));
    }));
    await a.join("${channel}");
    await b.join("${channel}");
    const dc = await echoed;
    await Promise.all([a.close(), b.close()]);
    console.log(a.state, b.state, dc.readyState);`);
  assert.deepEqual([code, out], [0, "closed closed closed"]);
});

test("a program ends by itself after a failed connect, and after a drop that is not retried", async () => {
  const { code, out } = await program(`
    import { SignallingClient } from "metered-realtime";
    await new SignallingClient({ ...options, apiKey: "nobody" }).connect().catch((error) => console.log(error.name));
    const { WebSocket } = await import("ws");
    let socket;
    const client = new SignallingClient({ ...options, reconnect: false, webSocketFactory: (url) => (socket = new WebSocket(url)) });
    client.on("disconnected", ({ code }) => console.log(code));
    await client.connect();
    socket.terminate();`);
  assert.deepEqual([code, out], [0, "SignallingConnectError\n1006"]);
});

test("a connected client keeps its program alive, so that a bot needs nothing else to stay", async () => {
  const { code, out } = await program(`
    import { SignallingClient } from "metered-realtime";
    const [a, b] = [new SignallingClient(options), new SignallingClient(options)];
    await a.connect();
    await b.connect();
    b.on("direct", async ({ data }) => { console.log(data); await a.close(); await b.close(); });
    setTimeout(() => a.send(b.peerId, "still here"), 100).unref();`);
  assert.deepEqual([code, out], [0, "still here"]);
});

test("a rejection that nobody handles is the caller's: the program ends with it", async () => {
  const { code, out } = await program(`
    import { SignallingClient } from "metered-realtime";
    new SignallingClient(options).publish("a", 1);`);
  assert.equal(code, 1);
  assert.match(out, /NotConnectedError: not connected/);
});

test("without the optional packages the constructors say what to install, unless a factory is given", async (t) => {
  const { code, out } = await program(`
    import { MeteredPeer, SignallingClient } from "metered-realtime";
    const say = (make) => { try { make(); console.log("made"); } catch (error) { console.log(error.message); } };
    say(() => new SignallingClient(options));
    say(() => new MeteredPeer({ ...options, webSocketFactory: () => {} }));
    say(() => new MeteredPeer({ ...options, webSocketFactory: () => {}, rtcPeerConnectionFactory: () => {} }));
    say(() => new SignallingClient({ ...options, apiKey: "" }));`, { cwd: bareProject(t) });
  const lines = out.split("\n");
  assert.equal(code, 0);
  assert.match(lines[0], /no WebSocket.*npm install ws.*`webSocketFactory`/);
  assert.match(lines[1], /no RTCPeerConnection.*npm install @roamhq\/wrtc.*`rtcPeerConnectionFactory`/);
  assert.equal(lines[2], "made");
  assert.match(lines[3], /`apiKey`/);
});
