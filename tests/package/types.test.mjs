// The declarations of the installed package, as each kind of project finds them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "../support/test.mjs";

const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
const tsc = join(dirname(manifest), "bin/tsc");

const compile = (project) => {
  const path = fileURLToPath(new URL(`../types/${project}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--project", path], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
};

test("a strict program that uses every member compiles with Node's resolution, by import and by require", () => {
  compile("tsconfig.installed.json");
});

test("the same program compiles with a bundler's resolution", () => {
  compile("tsconfig.bundler.json");
});

test("options and handlers written for the official SDK are accepted", () => {
  compile("floor");
});
