// What loading the package costs, in fresh Node processes and in fresh pages of Chromium, and what a hundred peers hold.
//
//   cargo xtask package && node bench/load.mjs [rounds]
//
// A row is the median of the rounds, with the least and the most. "loading" is the `import` of a file that is there already,
// so that it is read, parsed, unpacked and instantiated, and no network is in it. "unpacking", "compiling" and
// "instantiating" are parts of it, each measured in a process of its own that has done nothing before. Memory is measured as
// `tests/node/memory.test.mjs` does, which keeps it within `bench/budget.json`; times have no budget, since they are
// those of the machine.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "../tests/browser/chromium.mjs";
import { serveFiles } from "../tests/support/static-server.mjs";

const ROUNDS = Number(process.argv[2] ?? 15);
const root = fileURLToPath(new URL("..", import.meta.url));

const TIMED = `
  const timed = async (act) => { const begin = performance.now(); const result = await act(); return [performance.now() - begin, result]; };`;

/** The time to load the default entry, and the parts of that, in milliseconds. */
const measure = (at) => `${TIMED}
  const [unpacking, compiling, instantiating] = await (async () => {
    const { inlined } = await import("${at}/pkg/generated/inlined.js");
    const { unpack } = await import("${at}/pkg/entry/unpack.js");
    const [unpacking, bytes] = await timed(() => unpack(inlined));
    const [compiling, module] = await timed(() => new WebAssembly.Module(bytes));
    const imports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = kind === "function" ? () => {} : undefined;
    const [instantiating] = await timed(() => new WebAssembly.Instance(module, imports));
    return [unpacking, compiling, instantiating];
  })();`;
const LOADING = (at) => `${TIMED} const [loading] = await timed(() => import("${at}/pkg/index.js"));`;

const MEMORY = `
  const { memoryOfHundred } = await import("/tests/support/hundred-peers.mjs");
  const instances = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance { constructor(...args) { super(...args); instances.push(this); } };
  const realtime = await import("/pkg/index.js");
  const collect = async () => { for (let turn = 0; turn < 4; turn += 1) { gc(); await new Promise((resolve) => setTimeout(resolve)); } };
  const wasmBytes = () => instances.reduce((sum, { exports }) => sum + exports.memory.buffer.byteLength, 0);
  const heapBytes = () => performance.memory.usedJSHeapSize;
  return memoryOfHundred(realtime, { collect, wasmBytes, heapBytes });`;

const inNode = (code, result) =>
  JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", `${code} console.log(JSON.stringify(${result}));`], { encoding: "utf8" }));

const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((ms) => ms.toFixed(1).padStart(8)).join(" |");
};
const PARTS = ["loading", "unpacking", "compiling", "instantiating"];
const table = (platform, rounds) => {
  for (const part of PARTS) console.log(`| ${`${platform}: ${part}`.padEnd(24)} |${spread(rounds.map((round) => round[part]))} |`);
};

console.log(`| ${`ms, ${ROUNDS} rounds`.padEnd(24)} |  median |   least |    most |\n| --- | --: | --: | --: |`);

const node = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const at = new URL(`file://${root}`).href.replace(/\/$/, "");
  node.push({ ...inNode(LOADING(at), "{ loading }"), ...inNode(measure(at), "{ unpacking, compiling, instantiating }") });
}
table("Node", node);

const files = await serveFiles(root);
const browser = await launch(["--js-flags=--expose-gc", "--enable-precise-memory-info"]);
// Each in a page, and so in a process, of its own.
const inPage = async (code) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/blank", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>load</title>" }));
  await page.goto(`${files.url}/blank`);
  const result = await page.evaluate(`(async () => { ${code} })()`);
  await context.close();
  return result;
};
const pages = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const code = LOADING("");
  const preloaded = `await (await fetch("/pkg/index.js")).text(); ${code} return { loading };`;
  pages.push({ ...(await inPage(preloaded)), ...(await inPage(`${measure("")} return { unpacking, compiling, instantiating };`)) });
}
table("Chromium", pages);

const { memoryOf100Peers: budget } = JSON.parse(readFileSync(new URL("budget.json", import.meta.url), "utf8"));
const memory = { Node: inNode(`
  import { memoryOfHundred } from ${JSON.stringify(new URL("../tests/support/hundred-peers.mjs", import.meta.url).href)};
  import * as memory from ${JSON.stringify(new URL("../tests/support/memory.mjs", import.meta.url).href)};
  const realtime = await import(${JSON.stringify(new URL("../pkg/index.js", import.meta.url).href)});
  const result = await memoryOfHundred(realtime, memory);`, "result"), Chromium: await inPage(MEMORY) };
console.log("\n| bytes, 100 peers | wasm memory | heap grown by |\n| --- | --: | --: |");
for (const [platform, { wasm, heap }] of Object.entries({ ...memory, "budget (Node)": budget })) console.log(`| ${platform} | ${wasm} | ${heap} |`);

await browser.close();
files.close();
