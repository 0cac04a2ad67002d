// Links between the documents lead somewhere.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { documents, proseOf, root } from "../support/markdown.mjs";
import { test } from "../support/test.mjs";

/** The anchors that a page of ours gets from its headings. */
const anchorsOf = (path) => proseOf(path).filter((line) => /^#+ /.test(line)).map((line) => {
  return line.replace(/^#+ /, "").toLowerCase().replaceAll(/[^\p{L}\p{N}\- ]/gu, "").replaceAll(" ", "-");
});

/** Every link to a file of ours: where it stands, its file, its anchor. */
const links = [...documents, "ARCHITECTURE.md"].flatMap((path) => proseOf(path).flatMap((line, at) => {
  const targets = [...line.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target).filter((target) => !/^https?:/.test(target));
  return targets.map((target) => {
    const [file, anchor] = target.split("#");
    return { at: `${path}:${at + 1}`, file: file ? normalize(join(dirname(path), file)) : path, anchor };
  });
}));

test("every link leads to a file, and to a heading of it if it says so", () => {
  assert.ok(links.length > 50, "links are found");
  for (const { at, file, anchor } of links) {
    assert.ok(existsSync(join(root, file)), `${at}: there is no ${file}`);
    if (anchor) assert.ok(anchorsOf(file).includes(anchor), `${at}: ${file} has no #${anchor}`);
  }
});

test("the README links to every example and every guide, and the guides' index to every guide", () => {
  const linked = (from) => links.filter(({ at }) => at.startsWith(`${from}:`)).map(({ file }) => file.replace(/\/$/, ""));
  const guides = documents.filter((path) => path.startsWith("docs/"));
  const examples = readdirSync(join(root, "examples")).map((name) => `examples/${name}`);
  for (const path of [...guides, ...examples]) assert.ok(linked("README.md").includes(path), `README.md does not link to ${path}`);
  for (const path of guides) assert.ok(path === "docs/README.md" || linked("docs/README.md").includes(path), `docs/README.md does not link to ${path}`);
});
