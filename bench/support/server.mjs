// The server of the benchmarks: a release build, started by the tests' helper.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../target/release/metered-server", import.meta.url));
if (!process.env.METERED_SERVER_BIN) {
  if (!existsSync(program)) throw new Error("there is no server: cargo build --release --package metered-server");
  process.env.METERED_SERVER_BIN = program;
}

const support = await import("../../tests/support/server.mjs");

export const { KEY } = support;

/**
 * Starts a server, which ends with this process at the latest. It does not limit how much a client sends: in a room of
 * eight the official SDK sends more than servers take by default, is disconnected for it, and never gets there.
 */
export const startServer = async () => {
  const server = await support.startServer(0, { unlimited: true });
  server.unref();
  return server;
};
