// The manifest and the declarations, judged by the tools that know what bundlers, Node and TypeScript make of them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { tarball } from "../support/installed.mjs";
import { test } from "../support/test.mjs";

test("publint has nothing to say", async () => {
  const { messages } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true });
  assert.deepEqual(messages, []);
});

test("the types of every entry are right in every mode of resolution", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../node_modules/@arethetypeswrong/cli/package.json", import.meta.url), "utf8"));
  const attw = fileURLToPath(import.meta.resolve(`../../node_modules/@arethetypeswrong/cli/${manifest.bin.attw}`));
  const { status, stdout, stderr } = spawnSync(process.execPath, [attw, tarball, "--no-color"], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /No problems found/);
});
