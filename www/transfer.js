// One file on its way, over a data channel of its own.
//
//   sender   ── {"type":"offer", name, size, sha256} ──►  receiver
//            ◄─ {"type":"accept"}                     ──            nothing flows before that
//            ── bytes ──────────────────────────────►
//            ◄─ {"type":"received", isCompared}       ──            or "damaged", by the hash
//
// Either side may say {"type":"cancel"} and close. A channel that closes before "received" has failed; a connection that
// is replaced ends the transfer, too. What the receiver holds is bounded by the size that was offered and accepted.

import { DataChannel } from "/pkg/index.js";
import { clean } from "./text.js";

export const FILE_PROTOCOL = "metered-demo-file";

/** The longest file, in bytes: WebCrypto wants to see all of it at once, and the receiver keeps it until it is saved. */
export const LONGEST_FILE = 256 * 1024 * 1024;

const LONGEST_NAME = 120;
/** Longest control message, in characters. */
const LONGEST_CONTROL = 2000;
/** Received bytes that are put into a Blob, which the browser may keep on disk. */
const PART = 4 * 1024 * 1024;
const TICK_MS = 250;
/** Over how many ticks the speed is measured. */
const SPEED_TICKS = 12;

/** The SHA-256 of a Blob in hex digits, or null where there is no WebCrypto, as in a page without HTTPS. */
const hash = async (blob) => {
  if (crypto.subtle === undefined) return null;
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

/**
 * What both ends have in common. `state` goes from "hashing" (of a sender) through "offered", "moving" and "checking" to
 * "done", "cancelled" or "failed"; the last has its `problem`. `onChange` is called at each change and while bytes move.
 */
class Transfer {
  state = "offered";
  name = "";
  size = 0;
  sha256 = null;
  /** Whether the receiver has compared the hash. */
  isCompared = false;
  /** Bytes that have left, or have come. */
  moved = 0;
  /** Bytes per second, and seconds that are left; undefined until something can be said. */
  speed;
  timeLeft;
  problem;
  onChange = () => {};
  channel;
  #timer;
  #seen = [];

  get isOver() {
    return ["done", "cancelled", "failed"].includes(this.state);
  }

  cancel() {
    this.end("cancelled", "by you", "cancel");
  }

  /** Ends it, unless it has ended, and tells the other side. */
  end(state, problem, message) {
    if (this.isOver) return;
    this.problem = problem;
    this.enter(state);
    if (message && this.channel?.readyState === "open") this.#tellAndClose(message);
    else this.channel?.close();
  }

  enter(state) {
    this.state = state;
    if (state === "moving") this.#timer = setInterval(() => this.#measure(), TICK_MS);
    else clearInterval(this.#timer);
    this.onChange();
  }

  /** Resolves when the channel has taken the message, or will not. */
  async tell(message) {
    try {
      await this.channel.send(JSON.stringify(message));
    } catch {
      // Then the channel is closed, which tells enough.
    }
  }

  /** How many bytes have moved by now. */
  count() {
    return this.moved;
  }

  /** What still waits to be sent goes first: a channel that is closed drops it. */
  async #tellAndClose(message) {
    await this.tell({ type: message });
    this.channel.close();
  }

  #measure() {
    this.moved = this.count();
    this.#seen.push([performance.now(), this.moved]);
    if (this.#seen.length > SPEED_TICKS) this.#seen.shift();
    const [[since, before], [now, after]] = [this.#seen[0], this.#seen.at(-1)];
    if (now > since) {
      this.speed = ((after - before) * 1000) / (now - since);
      this.timeLeft = this.speed > 0 ? (this.size - after) / this.speed : undefined;
    }
    this.onChange();
  }
}

/** A control message as an object, or undefined. */
const control = (data) => {
  if (typeof data !== "string" || data.length > LONGEST_CONTROL) return undefined;
  try {
    return JSON.parse(data) ?? undefined;
  } catch {
    return undefined;
  }
};

/** A file for a remote. It is under way once it is made. */
export class Sending extends Transfer {
  direction = "out";
  #taken = 0;
  #stop = new AbortController();

  constructor(remote, file) {
    super();
    this.state = "hashing";
    this.name = clean(file.name, LONGEST_NAME) || "unnamed";
    this.size = file.size;
    this.#offer(remote, file).catch((error) => this.end("failed", error.message, "cancel"));
  }

  end(state, problem, message) {
    this.#stop.abort();
    super.end(state, problem, message);
  }

  count() {
    return Math.max(0, this.#taken - this.channel.bufferedAmount);
  }

  async #offer(remote, file) {
    if (file.size > LONGEST_FILE) throw new Error("longer than 256 MiB, which is the most that this page sends");
    this.sha256 = await hash(file);
    if (this.isOver) return;
    this.channel = new DataChannel(remote.createDataChannel("file", { protocol: FILE_PROTOCOL }));
    this.channel.on("message", ({ data }) => this.#hear(control(data), file));
    this.channel.on("close", () => this.end("failed", "the connection was lost"));
    this.channel.on("open", () => {
      this.tell({ type: "offer", name: this.name, size: this.size, sha256: this.sha256 });
      this.enter("offered");
    });
  }

  #hear(message, file) {
    const type = message?.type;
    if (type === "accept" && this.state === "offered") return this.#send(file);
    if (type === "received" && this.state === "checking") {
      this.isCompared = message.isCompared === true;
      return this.end("done");
    }
    if (type === "damaged" && this.state === "checking") return this.end("failed", "it arrived with another hash");
    if (type === "cancel") return this.end("cancelled", this.state === "offered" ? "declined" : "by the other side");
    return this.end("failed", "the other side does not keep to the protocol");
  }

  async #send(file) {
    this.enter("moving");
    const meter = new TransformStream({
      transform: (chunk, controller) => {
        this.#taken += chunk.byteLength;
        controller.enqueue(chunk);
      },
    });
    try {
      await file.stream().pipeThrough(meter).pipeTo(this.channel.writable, { signal: this.#stop.signal });
      if (this.state !== "moving") return;
      this.moved = this.size;
      this.enter("checking");
    } catch (error) {
      this.end("failed", error.message, "cancel");
    }
  }
}

/** A file from a remote, on a channel that it has opened. Until `onOffer` nothing is known of it. */
export class Receiving extends Transfer {
  direction = "in";
  /** The file, when it is done. */
  blob;
  #parts = [];
  #partBytes = 0;
  #blobs = [];
  #onOffer;

  constructor(channel, onOffer) {
    super();
    this.#onOffer = onOffer;
    this.channel = new DataChannel(channel);
    this.channel.on("message", ({ data }) => this.#hear(data));
    this.channel.on("close", () => this.end("failed", "the connection was lost"));
  }

  end(state, problem, message) {
    super.end(state, problem, message);
    this.#parts = this.#blobs = [];
  }

  accept() {
    if (this.state !== "offered") return;
    this.tell({ type: "accept" });
    this.enter("moving");
    if (this.size === 0) this.#check();
  }

  #hear(data) {
    if (this.isOver) return;
    if (typeof data !== "string") return this.#take(data);
    const message = control(data);
    if (message?.type === "cancel") return this.end("cancelled", "by the sender");
    if (message?.type !== "offer" || this.state !== "offered" || this.name !== "") return this.#refuse();
    const { name, size, sha256 } = message;
    const isHash = sha256 === null || (typeof sha256 === "string" && /^[0-9a-f]{64}$/u.test(sha256));
    if (!isHash || !Number.isSafeInteger(size) || size < 0 || size > LONGEST_FILE) return this.#refuse();
    this.name = clean(name, LONGEST_NAME) || "unnamed";
    this.size = size;
    this.sha256 = sha256;
    return this.#onOffer();
  }

  #take(bytes) {
    if (this.state !== "moving" || this.moved + bytes.byteLength > this.size) return this.#refuse();
    this.moved += bytes.byteLength;
    this.#partBytes += bytes.byteLength;
    this.#parts.push(bytes);
    if (this.#partBytes >= PART) this.#pack();
    return this.moved === this.size ? this.#check() : undefined;
  }

  #pack() {
    this.#blobs.push(new Blob(this.#parts));
    this.#parts = [];
    this.#partBytes = 0;
  }

  async #check() {
    this.#pack();
    this.enter("checking");
    // Of no type that a browser would show: it is only to be saved.
    const blob = new Blob(this.#blobs, { type: "application/octet-stream" });
    try {
      const found = await hash(blob);
      if (this.isOver) return;
      this.isCompared = found !== null && this.sha256 !== null;
      if (this.isCompared && found !== this.sha256) return this.end("failed", "it arrived with another hash", "damaged");
      this.blob = blob;
      this.tell({ type: "received", isCompared: this.isCompared });
      this.enter("done");
    } catch (error) {
      this.end("failed", error.message, "cancel");
    }
  }

  #refuse() {
    this.end("failed", "the sender does not keep to the protocol", "cancel");
  }
}
