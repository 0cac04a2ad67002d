// A page from our server that loads the package as a plain page does, and can import the tests' helpers.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startServer } from "../support/server.mjs";
import { launch } from "./chromium.mjs";

export const html = `<!doctype html><title>test</title>
<script type="importmap">{ "imports": {
  "metered-realtime": "/pkg/index.js",
  "/tests/support/server.mjs": "/tests/support/server-of-page.mjs"
} }</script>
<script type="module">
  import * as realtime from "/pkg/index.js";
  window.realtime = realtime;
</script>`;

/** The file that a page means by the URL of one of the tests' helpers. */
export const fileOf = (url) => fileURLToPath(new URL(`../..${new URL(url).pathname}`, import.meta.url));

/**
 * Starts a browser for the tests of a file, with what `launch` answers, and stops it in the end. `open()` gives what
 * `openIn` makes in it of the server's address. `url` is the server's, for peers in Node.
 */
export const pagesOf = (launch, openIn) => {
  let browser;
  let server;

  before(async () => {
    browser = await launch();
    if (!process.env.METERED_HTTP_URL) server = await startServer();
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  const httpUrl = () => process.env.METERED_HTTP_URL ?? server.httpUrl;
  return {
    get url() {
      return httpUrl().replace("http", "ws");
    },
    open: (t, options) => openIn(t, browser, httpUrl(), options),
  };
};

const openInChromium = async (t, browser, httpUrl, { mayRefuse = false } = {}) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("crash", () => problems.push("the page crashed"));
  const isExpected = (text) => mayRefuse && /^WebSocket connection to .* failed/.test(text);
  page.on("console", (message) => message.type() === "error" && !isExpected(message.text()) && problems.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await page.route("**/tests/**", (route) => route.fulfill({ contentType: "text/javascript", path: fileOf(route.request().url()) }));
  // A real answer of the server, so that the browser knows the page to be local; then our own content.
  await page.goto(`${httpUrl}/pkg/package.json`);
  await page.setContent(html);
  await page.waitForFunction(() => window.realtime !== undefined);
  return page;
};

/**
 * Pages in Chromium. `open()` gives a page with `window.realtime`, in a context of its own; what goes wrong in the page
 * fails the test, other than that a server `mayRefuse` a socket while it restarts.
 */
export const testPages = ({ flags } = {}) => pagesOf(() => launch(flags), openInChromium);
