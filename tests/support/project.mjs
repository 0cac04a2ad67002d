// Projects that have the package and nothing else.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The directory of a project without the optional packages; it is gone when the test ends. */
export const bareProject = (t) => {
  const project = mkdtempSync(join(tmpdir(), "metered-realtime-"));
  t.after(() => rmSync(project, { recursive: true, force: true }));
  mkdirSync(join(project, "node_modules"));
  cpSync(dirname(fileURLToPath(import.meta.resolve("metered-realtime"))), join(project, "node_modules/metered-realtime"), { recursive: true });
  writeFileSync(join(project, "package.json"), "{}");
  return project;
};
