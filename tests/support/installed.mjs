// Projects that have installed the packed package and nothing else, outside of this one.

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const packed = () => readdirSync(inRepository("target/package")).find((file) => file.endsWith(".tgz"));

/** The package as npm would publish it. */
export const tarball = process.env.METERED_TARBALL ?? inRepository(`target/package/${packed()}`);

/** Makes a project: its directory, and how to remove it. */
export const installedProject = () => {
  const directory = mkdtempSync(join(tmpdir(), "metered-realtime-"));
  writeFileSync(join(directory, "package.json"), `{ "private": true, "type": "module" }`);
  const flags = ["--offline", "--no-audit", "--no-fund", "--omit=peer", "--omit=optional"];
  execFileSync("npm", ["install", ...flags, tarball], { cwd: directory, stdio: "pipe" });
  return {
    directory,
    /** Runs a program of the project's, given as text; answers what it prints. */
    node: (file, code, ...args) => {
      writeFileSync(join(directory, file), code);
      return execFileSync(process.execPath, [file, ...args], { cwd: directory, encoding: "utf8", timeout: 30_000 }).trim();
    },
    /** Gives it a file or directory of this repository's tests. */
    copy: (from, to = ".") => cpSync(inRepository(`tests/${from}`), join(directory, to), { recursive: true }),
    /** Gives it another package of this repository's. */
    link: (name) => symlinkSync(inRepository(`node_modules/${name}`), join(directory, "node_modules", name)),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
};
