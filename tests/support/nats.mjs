// A real NATS server on loopback.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { within } from "./wait.mjs";

const program = process.env.NATS_SERVER ?? "nats-server";

/** Starts NATS on a free port. `stop()` kills it. */
export const startNats = async () => {
  const child = spawn(program, ["--addr", "127.0.0.1", "--port", "-1"], { stdio: ["ignore", "ignore", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const failed = new Promise((_, reject) => child.once("error", reject).once("exit", (code) => reject(new Error(`NATS ended with ${code}`))));
  failed.catch(() => {});
  const ready = (async () => {
    let address;
    for await (const line of createInterface({ input: child.stderr })) {
      address ??= line.match(/Listening for client connections on (\S+)/)?.[1];
      if (line.includes("Server is ready")) return address;
    }
    throw new Error("NATS did not say that it is ready");
  })();
  const address = await within(Promise.race([ready, failed]), "the start of NATS");
  child.stderr.resume();
  return { url: `nats://${address}`, stop: () => child.kill("SIGKILL") };
};
