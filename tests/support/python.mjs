// Peers of the official Python SDK, each in a process of its own that tests/interop/python-peer.py is the program of.

import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { access } from "./server.mjs";
import { once, until, within } from "./wait.mjs";

const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const program = inRepository("tests/interop/python-peer.py");
const python = process.env.METERED_PYTHON ?? inRepository("target/python/bin/python");

/** Starting Python and its WebRTC stack takes seconds on a machine that does other things too. */
const START_MS = 30_000;

/** A peer in Python. Its events are those that the program tells, its methods what the program can be asked for. */
class PythonPeer extends EventEmitter {
  #child;
  #calls = new Map();
  #lastCall = 0;
  #gone = false;
  /** What the program has told so far. */
  events = [];

  static async start() {
    if (!existsSync(python)) throw new Error("there is no Python with the official SDK: run `cargo xtask test --only interop` once");
    const peer = new PythonPeer();
    peer.#start();
    await once(peer, "ready", { timeout: START_MS });
    return peer;
  }

  #start() {
    this.#child = spawn(python, ["-u", program], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.once("close", (code, signal) => {
      this.#gone = true;
      for (const { reject } of this.#calls.values()) reject(new Error(`the Python peer ended (${code ?? signal})`));
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, event, ...rest } = JSON.parse(line);
      if (event !== undefined) {
        this.events.push({ event, ...rest });
        return void this.emit(event === "error" ? "fatal-error" : event, rest);
      }
      const { resolve, reject } = this.#calls.get(id);
      this.#calls.delete(id);
      if ("error" in rest) reject(new Error(`Python: ${rest.error}`));
      else resolve(rest.value);
    });
  }

  #ask(what, fields) {
    return new Promise((resolve, reject) => {
      if (this.#gone) throw new Error("the Python peer has ended");
      const id = ++this.#lastCall;
      this.#calls.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, do: what, ...fields })}\n`);
    });
  }

  /** The first event of a name, after the first `since` of all events, with these fields: it came already or is to come. */
  saw(name, fields = {}, { since = 0, timeout } = {}) {
    const wanted = Object.entries({ event: name, ...fields });
    const find = () => this.events.slice(since).find((event) => wanted.every(([field, value]) => event[field] === value));
    return until(find, `Python sees ${JSON.stringify(Object.fromEntries(wanted))}`, timeout);
  }

  async join(channel, options) {
    this.peerId = (await this.#ask("join", { ...options, channel })).peerId;
  }

  /** Opens a data channel to a remote. */
  open(to, label) {
    return this.#ask("open", { to, label });
  }

  /** Sends a string or bytes through a data channel that this peer has opened. */
  post(to, label, data) {
    const payload = typeof data === "string" ? { text: data } : { base64: Buffer.from(data).toString("base64") };
    return this.#ask("post", { to, label, ...payload });
  }

  send(data) {
    return this.#ask("send", { data });
  }

  sendTo(to, data) {
    return this.#ask("sendTo", { to, data });
  }

  /** Sends a stream of generated tracks of these kinds; answers its id and theirs. */
  addStream(kinds, metadata) {
    return this.#ask("addStream", { kinds, metadata });
  }

  removeStream(stream) {
    return this.#ask("removeStream", { stream });
  }

  leave() {
    return this.#ask("leave");
  }

  /** Ends the process as a crash would: nobody is told. */
  async kill() {
    if (this.#gone) return;
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await within(closed, "the end of the Python peer");
  }
}

/** A peer in Python that has joined nothing yet; its process is gone when the test ends. */
export const pythonPeer = async (t) => {
  const peer = await PythonPeer.start();
  t.after(() => peer.kill());
  return peer;
};

/** A peer in Python in a channel. */
export const pythonJoin = async (t, channel, options) => {
  const peer = await pythonPeer(t);
  await peer.join(channel, { ...(await access()), ...options });
  return peer;
};

/** What a message event of the program carried, as a string or an array of bytes. */
export const payload = ({ text, base64 }) => text ?? [...Buffer.from(base64, "base64")];
