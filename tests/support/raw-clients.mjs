// WebSocket clients by the thousand, that do what a well-behaved one never would. They cost a socket each and little else.

import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { KEY } from "./server.mjs";

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** A frame as a client sends it. `flags` are the bits before the opcode: 0x80 ends a message, 0x40 says that it is compressed. */
export const frame = (payload, { opcode = "text", flags = 0x80, masked = true } = {}) => {
  const body = Buffer.from(payload);
  const long = body.length > 125;
  const head = Buffer.alloc(long ? 10 : 2);
  head[0] = flags | OPCODES[opcode];
  head[1] = (masked ? 0x80 : 0) | (long ? 127 : body.length);
  if (long) head.writeBigUInt64BE(BigInt(body.length), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = randomBytes(4);
  for (let i = 0; i < body.length; i += 1) body[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, body]);
};

/** One client. Emits `frame` with what came as JSON, and `end` with the close code, 1006 if there was none. */
export class RawClient extends EventEmitter {
  #left = Buffer.alloc(0);
  #isOpen = false;
  #code = 1006;
  answersPings = true;

  /** A client that speaks nothing yet. `localAddress` lets one machine have more connections than ports. */
  constructor(url, { localAddress } = {}) {
    super();
    this.setMaxListeners(0);
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), localAddress });
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk) => this.#read(chunk));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.emit("end", this.#code));
    this.ended = new Promise((resolve) => this.once("end", resolve));
  }

  /** Asks to be let in, and resolves with the welcome. */
  async open() {
    const key = randomBytes(16).toString("base64");
    const welcome = once(this, "frame");
    this.socket.write(`GET /v1?key=${KEY} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    const [first] = await Promise.race([welcome, this.ended.then((code) => [new Error(`refused: ${code}`)])]);
    if (first instanceof Error) throw first;
    return first;
  }

  /** Sends an object as JSON. */
  send(message) {
    this.socket.write(frame(JSON.stringify(message)));
  }

  /** The next frame of a type. */
  next(type) {
    return new Promise((resolve) => {
      const on = (message) => {
        if (message.type !== type) return;
        this.off("frame", on);
        resolve(message);
      };
      this.on("frame", on);
    });
  }

  /** Says goodbye and resolves when the socket is gone. */
  async close() {
    this.socket.end(frame(Buffer.from([0x03, 0xe8]), { opcode: "close" }));
    await this.ended;
  }

  #read(chunk) {
    this.#left = this.#left.length > 0 ? Buffer.concat([this.#left, chunk]) : chunk;
    if (!this.#isOpen) {
      const end = this.#left.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#isOpen = true;
      this.#left = this.#left.subarray(end + 4);
    }
    for (;;) {
      const [size, start] = extent(this.#left);
      if (this.#left.length < start + size) return;
      const payload = this.#left.subarray(start, start + size);
      const opcode = this.#left[0] & 0x0f;
      this.#left = this.#left.subarray(start + size);
      if (opcode === OPCODES.text) this.emit("frame", JSON.parse(payload));
      if (opcode === OPCODES.ping && this.answersPings) this.socket.write(frame(payload, { opcode: "pong" }));
      if (opcode === OPCODES.close) {
        this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        this.socket.end();
      }
    }
  }
}

/** The length of a server's frame, and where its payload begins; more than there is as long as its head is not there. */
const extent = (bytes) => {
  if (bytes.length < 2) return [Infinity, 2];
  const short = bytes[1] & 0x7f;
  if (short < 126) return [short, 2];
  if (short === 126) return bytes.length < 4 ? [Infinity, 4] : [bytes.readUInt16BE(2), 4];
  return bytes.length < 10 ? [Infinity, 10] : [Number(bytes.readBigUInt64BE(2)), 10];
};

/** Opens `count` clients, `width` at a time. */
export const openMany = async (url, count, { width = 200 } = {}) => {
  const clients = [];
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(width, count - clients.length) }, () => new RawClient(url));
    await Promise.all(some.map((client) => client.open()));
    clients.push(...some);
  }
  return clients;
};
