// An example as a user runs it: a process of its own, told by its environment where the server is.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitCode } from "./child.mjs";
import { access } from "./server.mjs";
import { until, within } from "./wait.mjs";

const inExamples = (name) => fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));

/**
 * Starts an example by its name. `lines` are what it prints on both streams, `line(text)` waits for one with that text,
 * `ended()` answers its exit code, `stop()` is Ctrl-C and answers the code too. `flags` are Node's.
 */
export const runExample = async (t, name, args = [], { environment, flags = [] } = {}) => {
  const { apiKey, url } = await access();
  const env = { ...process.env, METERED_KEY: apiKey, METERED_URL: url, ...environment };
  const child = spawn(process.execPath, [...flags, inExamples(name), ...args], { env });
  t.after(() => child.kill("SIGKILL"));
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (line) => lines.push(line));
  const code = exitCode(child);
  const ended = () => within(code, `the end of ${name} ${args.join(" ")}: ${lines.join("\n")}`, 45_000);
  return {
    child,
    lines,
    ended,
    line: (text) => until(() => lines.find((line) => line.includes(text)), `a line of ${name} with '${text}': ${lines.join("\n")}`),
    stop: () => {
      child.kill("SIGINT");
      return ended();
    },
  };
};

/** Fails unless an example runs to a good end by itself, with a line that begins with OK. Answers its lines. */
export const runsWell = async (t, name, args, options) => {
  const { lines, ended } = await runExample(t, name, args, options);
  assert.equal(await ended(), 0, lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("OK — ")), lines.join("\n"));
  return lines;
};

/** Fails unless an example that misses a variable of its environment says so in one line and exits with 2. */
export const asksFor = async (t, name, variable, args) => {
  const { lines, ended } = await runExample(t, name, args, { environment: { [variable]: "" } });
  assert.equal(await ended(), 2);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0], new RegExp(`^Set ${variable}=`));
};
