// The packed package, loaded in each way that its README promises, in a project that has nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const tarball = process.env.METERED_TARBALL ?? new URL("../../target/package/metered-realtime-0.1.0.tgz", import.meta.url).pathname;

let project;

const node = (file, code) => {
  writeFileSync(join(project, file), code);
  return execFileSync("node", [file], { cwd: project, encoding: "utf8" }).trim();
};

before(() => {
  project = mkdtempSync(join(tmpdir(), "metered-realtime-"));
  writeFileSync(join(project, "package.json"), `{ "private": true }`);
  const flags = ["--offline", "--no-audit", "--no-fund", "--omit=peer", "--omit=optional"];
  execFileSync("npm", ["install", ...flags, tarball], { cwd: project, stdio: "pipe" });
});

after(() => rmSync(project, { recursive: true, force: true }));

test("import gives the public names, ready to use", () => {
  const names = node("esm.mjs", `import * as all from "metered-realtime"; console.log(Object.keys(all).join());`);
  for (const name of ["SignallingClient", "MeteredPeer", "RemotePeer", "DataChannel"]) {
    assert.ok(names.split(",").includes(name), `${name} is not among ${names}`);
  }
});

test("require gives the same names as import", () => {
  const imported = node("names.mjs", `import * as all from "metered-realtime"; console.log(Object.keys(all).sort().join());`);
  const required = node("names.cjs", `console.log(Object.keys(require("metered-realtime")).sort().join());`);
  assert.equal(required, imported);
});

test("the package exposes nothing of its bindings", () => {
  const names = node("private.mjs", `import * as all from "metered-realtime"; console.log(Object.keys(all).join());`);
  assert.doesNotMatch(names, /initSync|__wbg|default/);
});

test("a constructor validates its options in a project without the optional packages", () => {
  const caught = node("options.mjs", `
    import { SignallingClient } from "metered-realtime";
    try { new SignallingClient({}); console.log("accepted"); } catch (error) { console.log(error instanceof Error); }
  `);
  assert.equal(caught, "true");
});

test("the wasm file is exported and is the one that runs", async () => {
  const path = node("wasm.mjs", `import { fileURLToPath } from "node:url";
    console.log(fileURLToPath(import.meta.resolve("metered-realtime/metered_realtime.wasm")));`);
  assert.ok(WebAssembly.validate(readFileSync(path)));
});

test("what is shipped is what the manifest names, and no more", () => {
  const manifest = JSON.parse(readFileSync(join(project, "node_modules/metered-realtime/package.json"), "utf8"));
  const shipped = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  const expected = [...manifest.files, "package.json", "README.md", "LICENSE"].map((file) => `package/${file}`);
  assert.deepEqual(shipped.sort(), expected.sort());
});
