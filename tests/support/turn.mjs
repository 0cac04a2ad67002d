// A real TURN server, Debian's coturn, on loopback.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once as next } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "./wait.mjs";

const program = process.env.TURNSERVER ?? "turnserver";
const username = "tester";
const credential = "secret";

/** A UDP port that nobody uses. */
const freePort = async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await next(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
};

/** Waits until a STUN server answers a binding request. It listens before it is ready for anything else. */
export const answering = async (port, address) => {
  const socket = createSocket("udp4");
  // RFC 8489: a binding request without attributes, the magic cookie, a transaction id.
  const request = Buffer.concat([Buffer.from("000100002112a442", "hex"), randomBytes(12)]);
  const ask = () => socket.send(request, port, address);
  const asking = setInterval(ask, 20);
  try {
    ask();
    await within(next(socket, "message"), "the TURN server's start");
  } finally {
    clearInterval(asking);
    socket.close();
  }
};

/** The same, asked from where `command` runs. */
const answeringOn = async (command, port, address) => {
  if (command.length === 0) return answering(port, address);
  const ask = `import(${JSON.stringify(import.meta.url)}).then((turn) => turn.answering(${port}, "${address}"))`;
  const [file, ...args] = [...command, process.execPath, "--eval", ask];
  const [code] = await next(spawn(file, args, { stdio: "inherit" }), "exit");
  if (code !== 0) throw new Error(`the TURN server was asked in vain: exit code ${code}`);
};

/**
 * Starts a TURN server with one user. It can be killed, and started again on the port it had; `stop()` ends it for good.
 * `iceServers` is what lets a connection use it, `wrongServers` what it refuses. With `sharedSecret` it has no user, and
 * lets in who has a credential that was made with the secret. On a host of a network it runs by the host's `command`, and
 * has its `address`.
 */
export const startTurn = async ({ sharedSecret, address = "127.0.0.1", command = [] } = {}) => {
  const port = await freePort();
  // What it keeps on disk, which has other places for it unless told otherwise.
  const directory = await mkdtemp(join(tmpdir(), "metered-turn-"));
  const args = [
    "-n", "--log-file=/dev/null", `--userdb=${join(directory, "users")}`, `--pidfile=${join(directory, "pid")}`,
    `--listening-ip=${address}`, `--relay-ip=${address}`, `--listening-port=${port}`,
    ...(sharedSecret ? ["--use-auth-secret", `--static-auth-secret=${sharedSecret}`] : ["--lt-cred-mech", `--user=${username}:${credential}`]),
    "--realm=test",
    "--no-cli", "--no-tls", "--no-dtls", "--no-rfc5780", "--allow-loopback-peers",
  ];
  let child;

  const start = async () => {
    const [file, ...rest] = [...command, program, ...args];
    child = spawn(file, rest, { cwd: directory, stdio: "ignore" });
    const failed = new Promise((_, reject) => child.once("error", reject).once("exit", (code) => reject(new Error(`the TURN server ended with ${code}`))));
    failed.catch(() => {});
    await Promise.race([answeringOn(command, port, address), failed]);
  };

  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = next(child, "exit");
    child.kill("SIGKILL");
    await within(exited, "the TURN server's end");
  };

  // A test process that ends early takes its server along.
  process.once("exit", () => child?.kill("SIGKILL"));
  await start();
  const urls = `turn:${address}:${port}`;
  return {
    urls,
    iceServers: [{ urls, username, credential }],
    wrongServers: [{ urls, username, credential: "not the secret" }],
    start,
    kill,
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
