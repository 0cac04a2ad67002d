// How much is done, and what was found.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const directory = process.env.METERED_SOAK;

/** Whether this is `cargo xtask soak`, which takes its time, and not `cargo xtask test`. */
export const isSoak = directory !== undefined;

/** A number of repetitions: the first for a soak, the second for a test. METERED_SOAK_SHARE takes a share of the first. */
export const count = (long, short) => (isSoak ? Math.max(1, Math.ceil(long * Number(process.env.METERED_SOAK_SHARE ?? 1))) : short);

/** Prints figures in one line, and in a soak writes them to a file. */
export const report = (name, figures) => {
  const line = Object.entries(figures).map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  console.log(`${name}: ${line}`);
  if (!isSoak) return;
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/${name.replaceAll(/[^a-z0-9]+/gi, "-")}.json`, `${JSON.stringify({ name, ...figures }, null, 2)}\n`);
};

/** The path of a program next to the soaks. */
export const beside = (file) => fileURLToPath(new URL(`../soak/${file}`, import.meta.url));
