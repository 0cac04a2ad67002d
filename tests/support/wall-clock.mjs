// A clock of the day that a test sets, for programs that are started with it. What only goes forward, and so what timers
// go by, stays as it is.

import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A clock that ends with the test. `command` is how a command line begins that is to go by it, and `set(seconds)` says how
 * far it is ahead of the machine's from now on.
 */
export const wallClock = (t) => {
  const directory = mkdtempSync(join(tmpdir(), "metered-clock-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [file, next] = ["offset", "next"].map((name) => join(directory, name));
  const set = (seconds) => {
    // Whoever reads meanwhile reads the one or the other.
    writeFileSync(next, `${seconds < 0 ? "" : "+"}${seconds}s\n`);
    renameSync(next, file);
  };
  set(0);
  const library = execFileSync(process.env.FAKETIME_PATH ?? "faketime", ["-m", "-f", "+0s", "printenv", "LD_PRELOAD"], { encoding: "utf8" }).trim();
  const variables = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  return { command: ["env", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)], set };
};
