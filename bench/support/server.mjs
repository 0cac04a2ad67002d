// The server of the benchmarks: a release build, started by the tests' helper.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../target/release/metered-server", import.meta.url));
if (!process.env.METERED_SERVER_BIN) {
  if (!existsSync(program)) throw new Error("there is no server: cargo build --release --package metered-server");
  process.env.METERED_SERVER_BIN = program;
}

export const { startServer, KEY } = await import("../../tests/support/server.mjs");
