// What loading the package costs, in fresh Node processes and in fresh pages of Chromium, and what a hundred peers hold.
//
//   cargo xtask package && node bench/load.mjs [rounds]
//
// A row is the median of the rounds, with the least and the most. "loading" is the `import` of the default entry, from a
// file or from a server on this machine. "unpacking", "compiling" and "instantiating" are its parts, one after the other in
// another process or page, which has done nothing before. Memory is measured as `tests/node/memory.test.mjs` does it,
// which keeps it within `bench/budget.json`. Times have no budget: they are the machine's.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { launch } from "../tests/browser/chromium.mjs";
import { serveFiles } from "../tests/support/static-server.mjs";

const ROUNDS = Number(process.argv[2] ?? 15);
const root = new URL("..", import.meta.url);

// ---- what is measured: bodies of async functions, for modules that lie below `at`

const TIMED = `
  const timed = async (act) => {
    const begin = performance.now();
    const result = await act();
    return [performance.now() - begin, result];
  };`;

const loading = (at) => `${TIMED}
  const [loading] = await timed(() => import("${at}/pkg/index.js"));
  return { loading };`;

const parts = (at) => `${TIMED}
  const { inlined } = await import("${at}/pkg/generated/inlined.js");
  const { unpack } = await import("${at}/pkg/entry/unpack.js");
  const [unpacking, bytes] = await timed(() => unpack(inlined));
  const [compiling, module] = await timed(() => new WebAssembly.Module(bytes));
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => {};
  const [instantiating] = await timed(() => new WebAssembly.Instance(module, imports));
  return { unpacking, compiling, instantiating };`;

const memoryInNode = (at) => `
  const memory = await import("${at}/tests/support/memory.mjs");
  const { memoryOfHundred } = await import("${at}/tests/support/hundred-peers.mjs");
  return memoryOfHundred(await import("${at}/pkg/index.js"), memory);`;

const memoryInPage = `
  const { memoryOfHundred } = await import("/tests/support/hundred-peers.mjs");
  const { wasmBytes } = await import("/tests/support/wasm-memory.mjs");
  const realtime = await import("/pkg/index.js");
  return memoryOfHundred(realtime, {
    collect: async () => {
      for (let turn = 0; turn < 4; turn += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
    wasmBytes,
    heapBytes: () => performance.memory.usedJSHeapSize,
  });`;

// ---- where

const at = root.href.replace(/\/$/, "");
const inNode = (body) => {
  const code = `console.log(JSON.stringify(await (async () => { ${body} })()));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" }));
};

const files = await serveFiles(root.pathname);
const browser = await launch(["--js-flags=--expose-gc", "--enable-precise-memory-info"]);
const inPage = async (body) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/blank", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>load</title>" }));
  await page.goto(`${files.url}/blank`);
  const result = await page.evaluate(`(async () => { ${body} })()`);
  await context.close();
  return result;
};

// ---- the tables

const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((ms) => ms.toFixed(1).padStart(7)).join(" | ");
};

const rounds = { Node: [], Chromium: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  rounds.Node.push({ ...inNode(loading(at)), ...inNode(parts(at)) });
  rounds.Chromium.push({ ...(await inPage(loading(""))), ...(await inPage(parts(""))) });
}
console.log(`| ${`ms, ${ROUNDS} rounds`.padEnd(23)} | median  | least   | most    |\n| --- | --: | --: | --: |`);
for (const [platform, measured] of Object.entries(rounds)) {
  for (const part of ["loading", "unpacking", "compiling", "instantiating"]) {
    console.log(`| ${`${platform}: ${part}`.padEnd(23)} | ${spread(measured.map((round) => round[part]))} |`);
  }
}

const { memoryOf100Peers } = JSON.parse(readFileSync(new URL("budget.json", import.meta.url), "utf8"));
const memory = { Node: inNode(memoryInNode(at)), Chromium: await inPage(memoryInPage), "budget, of Node": memoryOf100Peers };
console.log("\n| bytes, 100 peers | wasm memory | heap grown by |\n| --- | --: | --: |");
for (const [platform, { wasm, heap }] of Object.entries(memory)) console.log(`| ${platform} | ${wasm} | ${heap} |`);

await browser.close();
files.close();
