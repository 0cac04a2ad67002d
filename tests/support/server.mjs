// The server that the tests talk to: the one that the test run started, or one of a test's own.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { within } from "./wait.mjs";

const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What it serves besides: a folder of the repository, and the package. */
const folders = (www) => [["--www", inRepository(www)], ["--package", inRepository("pkg")]].filter(([, path]) => existsSync(path)).flat();

const program = process.env.METERED_SERVER_BIN ?? inRepository("target/debug/metered-server");

/** The publishable key that a development server knows. */
export const KEY = process.env.METERED_KEY ?? "pk_live_dev";

/**
 * Starts a server. It can be stopped in an orderly way, killed, and started again on the port it had.
 *
 * `resumeGrace` is how many milliseconds it waits for a client whose connection broke; with 0 such a client has left at once.
 * `config` is the path of a configuration file; without one it serves development, `unlimited` if there is to be no limit
 * to how much a client sends. `www` is the folder with its pages, by default the demo's. `nats` is what makes it one of several.
 * `command` is how a command line begins that starts it elsewhere than here, and `stderr` where its log goes, as `spawn` has it.
 */
export const startServer = async (port = 0, { resumeGrace, config, unlimited = false, www = "www", nats, command = [], stderr = "inherit" } = {}) => {
  const grace = resumeGrace === undefined ? [] : ["--resume-grace", String(resumeGrace)];
  const cluster = nats === undefined ? [] : ["--nats", nats];
  let child;
  let address;

  const start = async () => {
    const options = [...grace, ...cluster, ...folders(www), ...(unlimited ? ["--unlimited"] : [])];
    const [file, ...args] = [...command, program, config ?? "--dev", "--port", String(port), ...options];
    child = spawn(file, args, { stdio: ["ignore", "pipe", stderr] });
    const failed = new Promise((_, reject) => child.once("error", reject).once("exit", (code) => reject(new Error(`the server ended with ${code}`))));
    failed.catch(() => {});
    const listening = (async () => {
      for await (const line of createInterface({ input: child.stdout })) {
        const found = line.match(/http(s?):\/\/(\S+:(\d+))/);
        if (found) return found;
      }
      throw new Error("the server did not print its address");
    })();
    const found = await within(Promise.race([listening, failed]), "the server's start");
    child.stdout.resume();
    address = `${found[1]}://${found[2]}`;
    port = Number(found[3]);
  };

  const end = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await within(exited, "the server's end");
  };

  await start();
  return {
    url: `ws${address}`,
    httpUrl: `http${address}`,
    get pid() {
      return child.pid;
    },
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    /** Lets this process end while the server runs, and ends the server then. */
    unref: () => {
      child.unref();
      child.stdout.unref();
      process.once("exit", () => child.kill("SIGKILL"));
    },
  };
};

let shared;

/** The options that let a client in: at the server of the test run, or at one that this process starts. */
export const access = async () => {
  if (process.env.METERED_URL) return { apiKey: KEY, url: process.env.METERED_URL };
  shared ??= startServer().then((server) => {
    server.unref();
    return server;
  });
  return { apiKey: KEY, url: (await shared).url };
};
