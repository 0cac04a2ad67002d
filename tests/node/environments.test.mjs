// Where Node runs the package besides a program's main thread: in threads, and on a server that only renders pages.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Worker } from "node:worker_threads";
import * as realtime from "metered-realtime";
import { exitCode } from "../support/child.mjs";
import { bareProject } from "../support/project.mjs";
import { ROUND, roundTrip } from "../support/round-trip.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { within } from "../support/wait.mjs";

/** Makes a round trip in a thread; answers its result once the thread has ended by itself. */
const inThread = async () => {
  const worker = new Worker(new URL("../support/round-trip-thread.mjs", import.meta.url), { workerData: await access() });
  const results = [];
  worker.on("message", (result) => results.push(result));
  const code = await within(new Promise((resolve, reject) => worker.once("error", reject).once("exit", resolve)), "the thread's end");
  return { code, results };
};

test("a thread makes the same round trip as the main thread, and ends", async () => {
  assert.deepEqual(await roundTrip(realtime, await access()), ROUND);
  assert.deepEqual(await inThread(), { code: 0, results: [ROUND] });
});

test("threads at the same time do not disturb each other", async () => {
  const threads = await Promise.all([inThread(), inThread(), inThread()]);
  assert.deepEqual(threads, Array(3).fill({ code: 0, results: [ROUND] }));
});

test("a thread that is ended in the middle leaves the others alone", async () => {
  const options = await access();
  const abandoned = new Worker(new URL("../support/round-trip-thread.mjs", import.meta.url), { workerData: options });
  await new Promise((resolve) => abandoned.once("online", resolve));
  const others = inThread();
  await abandoned.terminate();
  assert.deepEqual(await others, { code: 0, results: [ROUND] });
});

/** What the import of the package must leave alone, whether the platform has it or not. */
const PLATFORM = [
  "addEventListener", "removeEventListener", "dispatchEvent", "setTimeout", "setInterval", "setImmediate", "requestAnimationFrame",
  "queueMicrotask", "requestIdleCallback", "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "RTCPeerConnection", "RTCDataChannel",
  "Worker", "SharedWorker", "BroadcastChannel", "MessageChannel", "window", "self", "document", "location", "navigator", "localStorage",
  "sessionStorage", "indexedDB", "console", "performance", "crypto", "require",
];

/** Watches the platform, loads the package and tells what that did. Runs as a program of its own. */
const watch = async (platform, load) => {
  const touched = [];
  const recorded = (owner, name, label) => {
    const value = owner[name];
    Object.defineProperty(owner, name, {
      configurable: true,
      get: () => (touched.push(`read ${label}`), value),
      set: () => touched.push(`wrote ${label}`),
    });
  };
  const { console: { log }, setImmediate: soon } = globalThis;
  for (const name of platform) if (name !== "require") recorded(globalThis, name, name);
  for (const name of ["on", "once", "addListener", "nextTick", "emitWarning"]) recorded(process, name, `process.${name}`);
  const chance = Math.random;
  Math.random = () => (touched.push("called Math.random"), chance());

  const owners = { globalThis, Object, Array, Promise, Symbol, Error, JSON, Math, WebAssembly, EventTarget, process };
  for (const name of ["Object", "Array", "Function", "Promise", "Error", "EventTarget", "String", "Map"]) {
    owners[`${name}.prototype`] = globalThis[name].prototype;
  }
  const everything = () => Object.entries(owners).flatMap(([label, owner]) =>
    Reflect.ownKeys(owner).map((key) => [`${label}.${String(key)}`, Object.getOwnPropertyDescriptor(owner, key)]));
  // Node makes these of its own accord when they are looked at first.
  void [TextEncoder, TextDecoder];
  const fields = ["value", "get", "set", "writable", "enumerable", "configurable"];
  const isSame = (one, other) => other !== undefined && fields.every((field) => Object.is(one[field], other[field]));
  const [before, resources] = [new Map(everything()), process.getActiveResourcesInfo()];
  const names = Object.keys(await load());
  const patched = everything().filter(([name, now]) => !isSame(now, before.get(name))).map(([name]) => name);
  // The module loader closes its file.
  await new Promise((resolve) => soon(resolve));
  log(JSON.stringify({
    touched,
    patched,
    resources: process.getActiveResourcesInfo().slice(resources.length),
    loaded: names.includes("MeteredPeer"),
  }));
};

for (const [way, load] of [["import", `() => import("metered-realtime")`], ["require", `async () => require("metered-realtime")`]]) {
  test(`a page renderer that has no WebSocket may load the package by ${way}: nothing happens, and it ends`, async (t) => {
    const code = `
      ${way === "require" ? `const require = process.getBuiltinModule("node:module").createRequire(process.cwd() + "/");` : ""}
      await (${watch})(${JSON.stringify(PLATFORM)}, ${load});`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { cwd: bareProject(t), stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => { out += chunk; });
    assert.equal(await within(exitCode(child), "the program's end"), 0);
    assert.deepEqual(JSON.parse(out), { touched: [], patched: [], resources: [], loaded: true });
  });
}
