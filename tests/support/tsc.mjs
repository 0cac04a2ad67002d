// The TypeScript compiler.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

/** Fails unless a project, named by its place in tests/, compiles. */
export const compile = (project) => {
  const path = fileURLToPath(new URL(`../${project}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--project", path], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
};
