// What the package weighs in a page, next to others: everything that each exports, bundled and minified by esbuild for a
// browser, and compressed as servers do.
//
//   cargo xtask package && node bench/sizes.mjs
//
// The others come from npm, in the versions below, into target/sizes.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const OTHERS = {
  "@metered-ca/realtime": "1.2.0",
  "livekit-client": "2.23.0",
  "simple-peer": "9.11.1",
  peerjs: "1.5.5",
  trystero: "0.25.4",
  centrifuge: "5.8.0",
};

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = join(root, "target/sizes");
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, dependencies: OTHERS }));
execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], { cwd: directory, stdio: "inherit" });

/** What an entry becomes in a page. */
const bundle = async (contents) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: directory },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    logLevel: "error",
  });
  return outputFiles[0].contents;
};

const row = (name, bytes) => {
  const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
  console.log(name.padEnd(30), ...sizes.map((size) => `${(size / 1000).toFixed(1)} KB`.padStart(10)));
};

console.log("".padEnd(30), ...["minified", "gzip", "brotli"].map((name) => name.padStart(10)));
// Shipped as it is to be served: a bundler leaves it almost alone.
row("metered-realtime", readFileSync(join(root, "pkg/index.js")));
for (const [name, version] of Object.entries(OTHERS)) {
  // It is a Node module, and ships its own build for browsers.
  const built = name === "simple-peer" && join(directory, "node_modules/simple-peer/simplepeer.min.js");
  row(`${name} ${version}`, built ? readFileSync(built) : await bundle(`export * from "${name}";`));
}
