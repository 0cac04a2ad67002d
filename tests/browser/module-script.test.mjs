// The default entry in a plain page: one module script, no bundler, nothing to initialise.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, openPage } from "./chromium.mjs";

const entry = new URL("../../node_modules/metered-realtime/index.js", import.meta.url);
const page = `<!doctype html><script type="module">
  import * as everything from "/index.js";
  window.names = Object.keys(everything);
</script>`;

let browser;
let server;

before(async () => {
  server = createServer(async (request, response) => {
    const script = request.url === "/index.js";
    // No charset on purpose: whatever a host declares, the text must survive.
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? await readFile(entry) : page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("a module script imports the package and has it ready", async () => {
  const problems = [];
  const opened = await openPage(browser, `http://127.0.0.1:${server.address().port}/`, problems);
  await opened.waitForFunction(() => window.names !== undefined, undefined, { timeout: 10_000 });
  const names = await opened.evaluate(() => window.names);
  assert.ok(names.includes("MeteredPeer"), names.join());
  assert.deepEqual(problems.filter((problem) => !problem.includes("favicon") && !problem.includes("404")), []);
});
