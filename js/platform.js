// What the platform provides: its WebSocket and RTCPeerConnection, or in Node those of the optional peer
// dependencies; and the few expressions that have no binding in Rust.

import { describe, errors } from "./errors.js";

/** Loads an optional dependency in Node, from where this package is installed. Elsewhere there is none. */
const optionalDependency = (name) => {
  try {
    return process.getBuiltinModule("node:module").createRequire(import.meta.url)(name);
  } catch {
    return undefined;
  }
};

const missing = (constructor, dependency, option) =>
  new Error(`this platform has no ${constructor}: run \`npm install ${dependency}\`, or pass \`${option}\` in the options`);

/** A function that opens a WebSocket. */
export const webSocketFactory = () => {
  if (typeof WebSocket === "function") return (url) => new WebSocket(url);
  const ws = optionalDependency("ws");
  if (ws === undefined) throw missing("WebSocket", "ws", "webSocketFactory");
  const Socket = ws.WebSocket ?? ws;
  // Each message in its own turn of the event loop, as browsers do: what awaits one frame's consequence runs
  // before the next frame.
  return (url) => new Socket(url, { allowSynchronousEvents: false });
};

/** A function that constructs an RTCPeerConnection. */
export const peerConnectionFactory = () => {
  if (typeof RTCPeerConnection === "function") return (config) => new RTCPeerConnection(config);
  const wrtc = optionalDependency("@roamhq/wrtc");
  const Connection = wrtc?.RTCPeerConnection ?? wrtc?.default?.RTCPeerConnection;
  if (Connection === undefined) throw missing("RTCPeerConnection", "@roamhq/wrtc", "rtcPeerConnectionFactory");
  return (config) => new Connection(config);
};

/** A field of a JSON value; undefined where there is none. */
export const field = (value, name) => value?.[name];

/** The JSON value of a text frame; undefined for a frame that is binary, too long, or not JSON. */
export const parseFrame = (data, maxLength) => {
  if (typeof data !== "string" || data.length > maxLength) return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
};

/**
 * An option of the user's; undefined where it is absent or null.
 * @param type what `typeof` must answer. A number must not be NaN; an object may be a function.
 */
export const option = (options, name, type) => {
  const value = options?.[name] ?? undefined;
  if (value === undefined) return undefined;
  const isOfType = type === "object" ? value === Object(value) : typeof value === type && !Number.isNaN(value);
  if (isOfType) return value;
  throw errors.invalid(name, `must be a ${type}`, value);
};

/** Sends a frame: complete, or a head to be followed by a payload of JSON text. */
export const sendFrame = (socket, head, payload) => socket.send(payload === undefined ? head : `${head}${payload}}`);

/** The JSON text of a payload, or a TypeError that says why there is none. */
export const encodePayload = (data) => {
  let text;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new TypeError(`\`data\` cannot be written as JSON: ${error.message}`);
  }
  if (text === undefined) throw new TypeError(`\`data\` must be a JSON value, got ${describe(data)}`);
  return text;
};

/** Bytes of a text in UTF-8. */
export const utf8Length = (text) => {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes; everything else above U+07FF is one unit and three.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
};

/** Bytes that a data channel sends for a payload; undefined for what it cannot send. */
export const payloadBytes = (data) =>
  typeof data === "string" ? utf8Length(data)
  : data instanceof ArrayBuffer || ArrayBuffer.isView(data) ? data.byteLength
  : undefined;

/**
 * Reports the end of a promise to a slot, which its owner may empty meanwhile. A closure of WebAssembly that was
 * dropped cannot be called any more; a slot can.
 */
export const report = (slot, promise, subject, operation) => {
  promise.then(
    (value) => slot.callback?.(subject, operation, true, value),
    (error) => slot.callback?.(subject, operation, false, error),
  );
};

/** Promises that WebAssembly settles later, by their numbers. */
export class Calls {
  #waiting = new Map();

  begin(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Settles a promise: with the error, if there is one. */
  settle(id, error) {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) call?.resolve();
    else call?.reject(error);
  }
}

/** Calls a token provider, which may answer a value or a promise, or throw. */
export const callProvider = async (provider) => provider();

/** Writes to a logger of the user's, which may lack a level or throw. */
export const log = (logger, level, message) => {
  try {
    logger?.[level]?.(message);
  } catch {
    // A logger that throws has nobody left to tell.
  }
};
