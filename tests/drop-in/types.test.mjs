// The declarations in the place of the official SDK's.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "../support/test.mjs";
import { compile } from "../support/tsc.mjs";

const text = (url) => readFileSync(fileURLToPath(url), "utf8");

test("what we give is what the official SDK gives, and what it takes we take", () => {
  compile("drop-in/types");
});

test("a program for the official SDK compiles when its import is changed", () => {
  compile("drop-in/types/tsconfig.replaced.json");
});

test("that program imports every name of the official SDK", () => {
  const declarations = text(new URL("index.d.ts", import.meta.resolve("@metered-ca/realtime")));
  const exported = [...declarations.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, list]) => list.split(","))
    .map((name) => name.trim().replace(/.* as /, ""));
  assert.ok(exported.length > 40, exported.join());
  const imports = text(new URL("types/program.ts", import.meta.url)).split("// ----")[0];
  const forgotten = exported.filter((name) => !new RegExp(`\\b${name}\\b`).test(imports));
  assert.deepEqual(forgotten, []);
});
