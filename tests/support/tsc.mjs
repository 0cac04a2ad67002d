// The TypeScript compiler.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const compilerOf = (module) => join(dirname(createRequire(module).resolve("typescript/package.json")), "bin/tsc");

/** The compiler of this repository, and the last one that is written in JavaScript, which most projects still have. */
export const NATIVE = compilerOf(import.meta.url);
export const JAVASCRIPT = compilerOf(new URL("../typedoc/package.json", import.meta.url));

/** Fails unless a project, named by its place in tests/, compiles. */
export const compile = (project, tsc = NATIVE) => {
  const path = fileURLToPath(new URL(`../${project}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--project", path], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
};
