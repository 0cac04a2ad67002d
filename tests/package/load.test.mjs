// The packed package, loaded in each way that its README promises, in a project that has nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { installedProject, tarball } from "../support/installed.mjs";
import { ROUND } from "../support/round-trip.mjs";
import { access } from "../support/server.mjs";

let project;

const node = (...args) => project.node(...args);

before(() => {
  project = installedProject();
});

after(() => project.remove());

test("import gives the public names, ready to use", () => {
  const names = node("esm.mjs", `import * as all from "metered-realtime"; console.log(Object.keys(all).join());`);
  for (const name of ["SignallingClient", "MeteredPeer", "RemotePeer", "DataChannel"]) {
    assert.ok(names.split(",").includes(name), `${name} is not among ${names}`);
  }
});

test("require gives the same names as import, and the slim entry the same and `init`", () => {
  const imported = (entry) => node("names.mjs", `import * as all from "${entry}"; console.log(Object.keys(all).sort().join());`);
  const required = (entry) => node("names.cjs", `console.log(Object.keys(require("${entry}")).sort().join());`);
  const names = imported("metered-realtime");
  const slim = [...names.split(","), "init"].sort().join();
  assert.equal(required("metered-realtime"), names);
  assert.equal(imported("metered-realtime/slim"), slim);
  assert.equal(required("metered-realtime/slim"), slim);
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
  const manifest = JSON.parse(readFileSync(join(project.directory, "node_modules/metered-realtime/package.json"), "utf8"));
  const shipped = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  const expected = [...manifest.files, "package.json", "README.md", "LICENSE"].map((file) => `package/${file}`);
  assert.deepEqual(shipped.sort(), expected.sort());
});

test("each entry, imported and required, finds the package `ws` where it is installed, and exchanges messages", async () => {
  const options = JSON.stringify(await access());
  const other = installedProject();
  try {
    other.link("ws");
    other.copy("support/round-trip.mjs", "round-trip.mjs");
    for (const [file, load] of [["import.mjs", (name) => `import("${name}")`], ["require.cjs", (name) => `require("${name}")`]]) {
      const printed = other.node(file, `(async () => {
        const { roundTrip } = await import("./round-trip.mjs");
        const slim = await ${load("metered-realtime/slim")};
        await slim.init();
        const rounds = [await ${load("metered-realtime")}, slim].map((entry) => roundTrip(entry, ${options}));
        console.log(JSON.stringify(await Promise.all(rounds)));
      })();`);
      assert.deepEqual(JSON.parse(printed), [ROUND, ROUND], file);
    }
  } finally {
    other.remove();
  }
});
