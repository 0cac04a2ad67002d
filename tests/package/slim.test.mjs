// The slim entry: how it gets its wasm, and what it says while it has none.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { FakeChannel, FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";

const file = new URL(import.meta.resolve("metered-realtime/metered_realtime.wasm"));
const bytes = readFileSync(file);

let count = 0;

/** The entry as if nobody had imported it before. */
const fresh = () => import(`${import.meta.resolve("metered-realtime/slim")}?${(count += 1)}`);

/** Whether a client of the entry connects. */
const works = async ({ SignallingClient }) => {
  const client = new SignallingClient({ apiKey: "k", webSocketFactory: new FakeServer().factory });
  await client.connect();
  await client.close();
  return client.state === "closed";
};

const options = { apiKey: "k", webSocketFactory: () => {}, rtcPeerConnectionFactory: () => {} };

test("before `init`, what needs the wasm says so", async () => {
  const { DataChannel, MeteredPeer, SignallingClient } = await fresh();
  const refusal = { name: "InvalidStateError", message: /metered-realtime\/slim.*await init\(\)/ };
  assert.throws(() => new SignallingClient(options), refusal);
  assert.throws(() => new MeteredPeer(options), refusal);
  const channel = new FakeChannel();
  channel.open();
  await assert.rejects(new DataChannel(channel).send("x"), refusal);
});

test("calls of `init` share one attempt, and everything works after it", async () => {
  const slim = await fresh();
  const first = slim.init();
  assert.equal(slim.init("file:///nowhere.wasm"), first);
  await first;
  assert.equal(slim.init(), first);
  assert.ok(await works(slim));
});

test("an attempt that failed is told to all who wait for it, and can be made again", async () => {
  const slim = await fresh();
  const [one, other] = [slim.init(new URL("nowhere.wasm", file)), slim.init()];
  await assert.rejects(one, { code: "ENOENT" });
  await assert.rejects(other, { code: "ENOENT" });
  await slim.init();
  assert.ok(await works(slim));
});

const typed = (type) => new Response(bytes, { headers: { "content-type": type } });

const inputs = {
  "a URL": () => file,
  "a URL as a string": () => file.href,
  "a response": () => typed("application/wasm"),
  "a response of another type": () => typed("application/octet-stream"),
  "a promise of a response": async () => typed("application/wasm"),
  "a Blob": () => new Blob([bytes]),
  "an ArrayBuffer": () => new Uint8Array(bytes).buffer,
  "a view of bytes in the middle of others": () => new Uint8Array([7, ...bytes, 7]).subarray(1, bytes.length + 1),
  "a compiled module": () => new WebAssembly.Module(bytes),
};

for (const [name, input] of Object.entries(inputs)) {
  test(`\`init\` takes ${name}`, async () => {
    const slim = await fresh();
    await slim.init(input());
    assert.ok(await works(slim));
  });
}

test("`init` refuses what is no wasm of this package, and says what is wrong", async () => {
  const { init } = await fresh();
  for (const input of [7, {}, true, Symbol("x")]) {
    await assert.rejects(async () => init(input), { name: "TypeError", message: /^`input` must be a URL, a Response, bytes or a WebAssembly.Module, got / });
  }
  await assert.rejects(init(new Response("gone", { status: 404 })), /the server answered 404/);
  await assert.rejects(init(Uint8Array.of(1, 2, 3)), WebAssembly.CompileError);
  await assert.rejects(init(Promise.reject(new Error("theirs"))), /theirs/);
});

test("a wasm file of another version cannot be linked, and the right one can be given after it", async () => {
  const other = Uint8Array.from(bytes);
  // What it imports from is named after its contents: all names are replaced by one of the same length.
  const [{ module }] = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  const name = Buffer.from(module);
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) other.fill(0x7a, at, at + name.length);
  const slim = await fresh();
  await assert.rejects(slim.init(other), /the wasm file is not that of this version/);
  await slim.init();
  assert.ok(await works(slim));
});
