// The installed package in what bundlers make of a program, in a page that allows nothing but what the README says it
// needs: each entry exchanges messages by way of the server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { pathToFileURL } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import * as vite from "vite";
import webpack from "webpack";
import { launch, openPage } from "../browser/chromium.mjs";
import { installedProject } from "../support/installed.mjs";
import { ROUND } from "../support/round-trip.mjs";
import { access } from "../support/server.mjs";
import { serveFiles } from "../support/static-server.mjs";
import { test as run } from "../support/test.mjs";

/** A bundler has more to do than other tests, webpack's minifier above all. */
const test = (name, body) => run(name, body, 180_000);

/** What tells a page without a bundler where the entries are. */
const IMPORT_MAP = JSON.stringify({
  imports: {
    "metered-realtime": "/node_modules/metered-realtime/index.js",
    "metered-realtime/slim": "/node_modules/metered-realtime/slim.js",
  },
});
const hash = createHash("sha256").update(IMPORT_MAP).digest("base64");

let project;
let browser;
let files;
let server;

/** Writes a page with one module script. */
const page = (file, script, head = "") => {
  mkdirSync(join(project.directory, file, ".."), { recursive: true });
  const icon = `<link rel="icon" href="data:,">`;
  writeFileSync(join(project.directory, file), `<!doctype html><title>test</title>${icon}${head}<script type="module" src="${script}"></script>`);
};

before(async () => {
  project = installedProject();
  project.copy("package/app");
  project.copy("support/round-trip.mjs", "round-trip.mjs");
  for (const name of ["default", "slim", "in-worker"]) page(`${name}.html`, `./${name}.js`);
  server = (await access()).url;
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'; worker-src 'self'; img-src data:; connect-src 'self' ${server}`;
  files = await serveFiles(project.directory, { "content-security-policy": policy });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  files?.close();
  project?.remove();
});

/** Opens a page and awaits what its program saw. */
const resultOf = async (url) => {
  const problems = [];
  const opened = await openPage(browser, `${url}?server=${server}`, problems);
  const result = await opened.evaluate(() => window.result).catch((error) => String(error));
  await opened.context().close();
  return { result, problems };
};

/** Fails unless the pages below a directory, and their programs, do what they should. */
const works = async (directory, names) => {
  for (const name of names) {
    assert.deepEqual(await resultOf(`${files.url}/${directory}/${name}.html`), { result: ROUND, problems: [] }, name);
  }
};

const inProject = (path) => join(project.directory, path);

test("Vite: both entries, and a worker with both, without a line of configuration", async () => {
  const input = Object.fromEntries(["default", "slim", "in-worker"].map((name) => [name, inProject(`${name}.html`)]));
  await vite.build({
    configFile: false, logLevel: "error", root: project.directory, base: "/vite/", worker: { format: "es" },
    build: { outDir: "vite", rolldownOptions: { input } },
  });
  await works("vite", ["default", "slim", "in-worker"]);
});

test("Vite's development server: both entries", async (t) => {
  const development = await vite.createServer({ configFile: false, logLevel: "error", root: project.directory, server: { host: "127.0.0.1", port: 0 } });
  t.after(() => development.close());
  await development.listen();
  const url = development.resolvedUrls.local[0];
  for (const name of ["default", "slim"]) {
    assert.deepEqual(await resultOf(`${url}${name}.html`), { result: ROUND, problems: [] }, name);
  }
});

test("webpack 5: both entries, and a worker with both, without a line of configuration", async () => {
  const entry = Object.fromEntries(["default", "slim", "in-worker"].map((name) => [name, inProject(`${name}.js`)]));
  const stats = await new Promise((resolve, reject) => {
    webpack({ mode: "production", context: project.directory, entry, output: { path: inProject("webpack") }, performance: false },
      (error, stats) => (error ? reject(error) : resolve(stats)));
  });
  assert.equal(stats.hasErrors() || stats.hasWarnings(), false, stats.toString("errors-warnings"));
  for (const name of Object.keys(entry)) page(`webpack/${name}.html`, `./${name}.js`);
  await works("webpack", Object.keys(entry));
});

test("esbuild: the default entry, and the slim one with the wasm file as an asset", async () => {
  const entryPoints = ["default", "slim-with-url"].map((name) => inProject(`${name}.js`));
  const { warnings } = await esbuild.build({
    entryPoints, bundle: true, minify: true, format: "esm", outdir: inProject("esbuild"), publicPath: "/esbuild/",
    loader: { ".wasm": "file" }, logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  for (const name of ["default", "slim-with-url"]) page(`esbuild/${name}.html`, `./${name}.js`);
  await works("esbuild", ["default", "slim-with-url"]);
});

test("Rollup: the default entry, and the slim one with the wasm file copied beside the bundle", async () => {
  const warnings = [];
  const input = ["default", "slim"].map((name) => inProject(`${name}.js`));
  const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true })], onwarn: ({ message }) => warnings.push(message) });
  await bundle.write({ dir: inProject("rollup"), format: "es" });
  await bundle.close();
  assert.deepEqual(warnings, []);
  cpSync(inProject("node_modules/metered-realtime/metered_realtime.wasm"), inProject("rollup/metered_realtime.wasm"));
  for (const name of ["default", "slim"]) page(`rollup/${name}.html`, `./${name}.js`);
  await works("rollup", ["default", "slim"]);
});

test("a page without a bundler: both entries side by side, by an import map", async () => {
  page("plain/both.html", "../both.js", `<script type="importmap">${IMPORT_MAP}</script>`);
  await works("plain", ["both"]);
});

test("a server that renders pages loads both entries, bundled and not, without a DOM", async () => {
  const rendered = "<p>MeteredPeer,SignallingClient,MeteredPeer undefined</p>";
  const run = (file) => execFileSync(process.execPath, ["--input-type=module", "--eval",
    `import * as page from ${JSON.stringify(pathToFileURL(file))}; console.log((page.default?.render ?? page.render)());`], { encoding: "utf8" }).trim();

  await vite.build({
    configFile: false, logLevel: "error", root: project.directory, ssr: { noExternal: true },
    build: { ssr: inProject("render.js"), outDir: "vite-ssr" },
  });
  const stats = await new Promise((resolve, reject) => {
    const output = { path: inProject("webpack-ssr"), filename: "render.cjs", library: { type: "commonjs2" } };
    webpack({ mode: "production", optimization: { minimize: false }, target: "node", context: project.directory, entry: inProject("render.js"), output },
      (error, stats) => (error ? reject(error) : resolve(stats)));
  });
  assert.equal(stats.hasErrors(), false, stats.toString("errors-warnings"));
  for (const file of ["render.js", "vite-ssr/render.js", "webpack-ssr/render.cjs"]) assert.equal(run(inProject(file)), rendered, file);
});
