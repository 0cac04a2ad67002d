// What the programs of bench/ have in common: their options, their tables, and the file that those are written to.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { compare } from "./rounds.mjs";

setFlagsFromString("--expose-gc");
globalThis.gc ??= runInNewContext("gc");

const usage = (name) => `node bench/${name}.mjs [--rounds N] [--only TEXT] [--quick] [--json FILE]

  --rounds N   how often everything is measured (odd numbers are best)
  --only TEXT  measures only the comparisons that have TEXT in their title
  --quick      three rounds of less, to see that it works: its figures mean nothing
  --json FILE  writes the tables to a file as well`;

const options = (name, usual) => {
  const { values } = parseArgs({
    options: { rounds: { type: "string" }, only: { type: "string" }, quick: { type: "boolean" }, json: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(usage(name));
    process.exit();
  }
  const rounds = Number(values.rounds ?? (values.quick ? 3 : usual));
  if (!(Number.isInteger(rounds) && rounds >= 3)) throw new TypeError("--rounds must be an integer >= 3");
  return { rounds, only: values.only?.toLowerCase(), quick: values.quick ?? false, json: values.json };
};

const figure = (value) => (Number.isFinite(value) ? value.toLocaleString("en", { maximumSignificantDigits: 3 }) : "");
const apart = ({ q1, q3 }) => `${figure(q1)}–${figure(q3)}`;

const line = (cells) => `| ${cells.join(" | ")} |`;

/** Prints what `compare` answers. */
const printComparison = ({ title, unit, better, base, rounds, rows }) => {
  console.log(`\n${title}, ${rounds} rounds, ${better} is better\n`);
  console.log(line(["", `median, ${unit}`, "quartiles", `of ${base}`, "quartiles", "goal"]));
  console.log("|---|---|---|---|---|---|");
  for (const { name, of, goal, met, failed, ...own } of rows) {
    const sign = better === "less" ? "≤" : "≥";
    console.log(line([
      failed > 0 ? `${name} (failed ${failed} times)` : name, figure(own.median), apart(own), of ? of.median.toFixed(2) : "", of ? `${of.q1.toFixed(2)}–${of.q3.toFixed(2)}` : "",
      met === undefined ? "" : `${sign} ${goal} ${met ? "met" : "missed"}`,
    ]));
  }
};

/** Prints a table of figures that are not compared: `columns` are their headings, `rows` lists of values. */
const printFigures = ({ title, columns, rows }) => {
  console.log(`\n${title}\n`);
  console.log(line(columns));
  console.log(`|${"---|".repeat(columns.length)}`);
  for (const row of rows) console.log(line(row.map((value) => (typeof value === "number" ? figure(value) : value ?? ""))));
};

/** What the figures were measured on. */
const machine = () => ({
  cpu: cpus()[0].model,
  cores: cpus().length,
  node: process.version,
  // A busy machine shows in the quartiles, too.
  load: Number(spawnSync("cut", ["-d ", "-f1", "/proc/loadavg"], { encoding: "utf8" }).stdout ?? NaN),
});

/**
 * Runs a program. `measure` is given the options, `compare` of rounds.mjs, and `take`, for tables from elsewhere. The
 * process ends with it, whatever native objects are left.
 */
export const program = async (name, { rounds: usual = 15 } = {}, measure) => {
  const { rounds, only, quick, json } = options(name, usual);
  const tables = [];
  const take = (table) => {
    (table.columns ? printFigures : printComparison)(table);
    tables.push(table);
  };
  const isWanted = ({ title }) => only === undefined || title.toLowerCase().includes(only);
  const began = machine();
  // Whatever ends this process, those that it has started end too.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await measure({ rounds, quick, take, compare: async (settings) => isWanted(settings) && take(await compare({ rounds, ...settings })) });
  if (json) writeFileSync(json, `${JSON.stringify({ name, command: `node bench/${name}.mjs --rounds ${rounds}${quick ? " --quick" : ""}`, machine: began, tables }, null, 1)}\n`);
  process.exit();
};
