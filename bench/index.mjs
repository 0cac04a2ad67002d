// All comparisons of the client, one after another: what they print, in target/bench/client.json, and as a picture in
// target/bench/client.svg.
//
// Each program has a process of its own, because native objects and compiled code of one would count for the next. Names of
// programs among the arguments choose those.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plot } from "./support/plot.mjs";

const PROGRAMS = ["calls", "wire", "first-message", "recovery", "growth", "data-tracks"];

const inFolder = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = inFolder("../target/bench");
mkdirSync(folder, { recursive: true });

const [chosen, passed] = [[], []];
for (const argument of process.argv.slice(2)) (PROGRAMS.includes(argument) ? chosen : passed).push(argument);

const results = [];
const failed = [];
for (const name of chosen.length > 0 ? chosen : PROGRAMS) {
  const file = `${folder}/${name}.json`;
  rmSync(file, { force: true });
  console.log(`\n# ${name}`);
  const { status } = spawnSync(process.execPath, [inFolder(`${name}.mjs`), ...passed, "--json", file], { stdio: "inherit" });
  if (status === 0) results.push(JSON.parse(readFileSync(file, "utf8")));
  else failed.push(name);
}
writeFileSync(`${folder}/client.json`, `${JSON.stringify(results, null, 1)}\n`);
writeFileSync(`${folder}/client.svg`, plot(results.flatMap(({ tables }) => tables)));
console.log(`\nWritten to ${folder}/client.json and client.svg`);
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
