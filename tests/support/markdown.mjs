// The documents of the project, taken apart.

import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The documents that people read, by their paths. */
export const documents = [
  "README.md",
  "pkg/README.md",
  "crates/server/README.md",
  ...readdirSync(`${root}docs`).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

export const textOf = (path) => readFileSync(root + path, "utf8");

/**
 * The fenced blocks of a document: the first word after the fence is the `language`, `marks` are the others; `line` is the
 * number of the first line inside, `after` the block that follows with nothing but an empty line between.
 */
export const blocksOf = (path) => {
  const lines = textOf(path).split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length; at += 1) {
    const fence = lines[at].match(/^```(.*)$/);
    if (!fence) continue;
    const [language, ...marks] = fence[1].trim().split(/\s+/);
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`${path}:${at + 1}: a block without an end`);
    const block = { path, line: at + 2, end: end + 1, language, marks, text: `${lines.slice(at + 1, end).join("\n")}\n` };
    const before = blocks.at(-1);
    if (before && at - before.end === 1 && lines[at - 1] === "") before.after = block;
    blocks.push(block);
    at = end;
  }
  return blocks;
};

/** A document without its fenced blocks, line by line as it was. */
export const proseOf = (path) => {
  const lines = textOf(path).split("\n");
  for (const { line, end } of blocksOf(path)) lines.fill("", line - 2, end);
  return lines;
};

/** The rows below a heading, up to the next one: each a list of its cells, with the backquotes. */
export const rowsBelow = (path, heading) => {
  const lines = proseOf(path);
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`${path} has no ${heading}`);
  const end = lines.findIndex((line, at) => at > start && line.startsWith("#"));
  const rows = lines.slice(start, end < 0 ? undefined : end).filter((line) => line.startsWith("|"));
  return rows.map((row) => row.slice(1, -1).split("|").map((cell) => cell.trim()));
};

/** What stands between backquotes. */
export const quoted = (text) => [...text.matchAll(/`([^`]+)`/g)].map(([, inside]) => inside);
