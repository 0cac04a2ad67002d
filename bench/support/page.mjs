// A page of headless Chromium in which the modules of this folder run as they do in Node.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { launch } from "../../tests/browser/chromium.mjs";

const { resolve } = createRequire(import.meta.url);

/** A file of CommonJS for browsers as a module. */
const asModule = (path) => buildSync({ entryPoints: [path], bundle: true, format: "esm", write: false }).outputFiles[0].text;

const modules = {
  "metered-realtime": () => ({ path: resolve("metered-realtime").replace(/\.cjs$/, ".js") }),
  "@metered-ca/realtime": () => ({ path: join(dirname(resolve("@metered-ca/realtime")), "index.mjs") }),
  "simple-peer": () => ({ body: asModule(resolve("simple-peer/simplepeer.min.js")) }),
};
const made = new Map();

const imports = Object.fromEntries(Object.keys(modules).map((name) => [name, `/modules/${name}`]));
const html = `<!doctype html><title>bench</title><script type="importmap">${JSON.stringify({ imports })}</script>`;

/** Starts the browser. `globalThis.gc` is there. */
export const startBrowser = () => launch(["--js-flags=--expose-gc"]);

/** A fresh page at the server's address: `run(module, name, ...args)` calls what a module of this folder exports. */
export const openPage = async (browser, { httpUrl }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error("in the page:", error));
  page.on("crash", () => { throw new Error("the page crashed"); });
  const javascript = (route, content) => route.fulfill({ contentType: "text/javascript", ...content });
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await page.route("**/bench/**", (route) => javascript(route, { path: fileURLToPath(new URL(`../..${new URL(route.request().url()).pathname}`, import.meta.url)) }));
  await page.route("**/modules/**", (route) => {
    const name = new URL(route.request().url()).pathname.slice("/modules/".length);
    if (!made.has(name)) made.set(name, modules[name]());
    return javascript(route, made.get(name));
  });
  // A real answer of the server, so that the browser knows the page to be local; then our own content.
  await page.goto(`${httpUrl}/pkg/package.json`);
  await page.setContent(html);
  return {
    run: (module, name, ...args) =>
      page.evaluate(async ([module, name, args]) => (await import(`/bench/support/${module}.mjs`))[name](...args), [module, name, args]),
    close: () => context.close(),
  };
};
