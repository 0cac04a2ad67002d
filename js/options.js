// The options of the constructors, checked when they are given: types here, ranges in the core.

import { errors } from "./errors.js";

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

const webSocketFactory = () => {
  if (typeof WebSocket === "function") return (url) => new WebSocket(url);
  const ws = optionalDependency("ws");
  if (ws === undefined) throw missing("WebSocket", "ws", "webSocketFactory");
  const Socket = ws.WebSocket ?? ws;
  // Each message in its own turn of the event loop, as browsers do: what awaits one frame's consequence runs
  // before the next frame.
  return (url) => new Socket(url, { allowSynchronousEvents: false });
};

const peerConnectionFactory = () => {
  if (typeof RTCPeerConnection === "function") return (config) => new RTCPeerConnection(config);
  const wrtc = optionalDependency("@roamhq/wrtc");
  const Connection = wrtc?.RTCPeerConnection ?? wrtc?.default?.RTCPeerConnection;
  if (Connection === undefined) throw missing("RTCPeerConnection", "@roamhq/wrtc", "rtcPeerConnectionFactory");
  return (config) => new Connection(config);
};

/**
 * An option of the user's; undefined where it is absent or null.
 * @param type what `typeof` must answer. A number must not be NaN; an object may be a function.
 */
export const option = (options, name, type) => {
  const value = options?.[name] ?? undefined;
  if (value === undefined) return undefined;
  const isOfType = type === "object" ? value === Object(value) : typeof value === type && !Number.isNaN(value);
  if (!isOfType) throw errors.invalid(name, `must be a ${type}`, value);
  if (value === "") throw errors.invalid(name, "must not be empty", value);
  return value;
};

/** The `signal` of a call's options. */
export const abortSignal = (options) => {
  const signal = option(options, "signal", "object");
  if (signal && typeof signal.aborted !== "boolean") throw errors.invalid("signal", "must be an AbortSignal", signal);
  return signal;
};

/** A number that must not be less than `least`. */
export const atLeast = (options, name, least) => {
  const value = option(options, name, "number");
  if (value < least) throw errors.invalid(name, `must be at least ${least}`, value);
  return value;
};

/** The names and defaults of `ReconnectOptions`, in the core's order. */
const RECONNECT = { initialDelayMs: 500, multiplier: 2, maxDelayMs: 30_000, jitterRatio: 0.2, maxAttempts: 100 };

/** Calls a logger that may lack a level or throw. */
export const logTo = (logger, level, message, context) => {
  try {
    logger?.[level]?.(message, context);
  } catch {
    // A logger that throws has nobody left to tell.
  }
};

/** Reads `SignallingClientOptions`, and those of a `MeteredPeer`. Throws a TypeError that names the option. */
export const parseOptions = (options, isRoom) => {
  if (options !== Object(options)) throw errors.invalid("options", "must be an object", options);
  const apiKey = option(options, "apiKey", "string");
  const tokenProvider = option(options, "tokenProvider", "function");
  if ((apiKey === undefined) === (tokenProvider === undefined)) {
    throw new TypeError("pass exactly one of `apiKey` and `tokenProvider`");
  }
  const tokenTimeout = option(options, "tokenProviderTimeoutMs", "number") ?? 10_000;
  if (!(tokenTimeout > 0 && tokenTimeout < Infinity)) {
    throw errors.invalid("tokenProviderTimeoutMs", "must be a finite number > 0", tokenTimeout);
  }
  const reconnect = options.reconnect === false ? false : (option(options, "reconnect", "object") ?? {});
  const logger = option(options, "logger", "object");
  return {
    apiKey,
    tokenProvider,
    url: option(options, "url", "string"),
    numbers: [
      tokenTimeout,
      option(options, "inactivityTimeoutMs", "number") ?? 60_000,
      atLeast(options, "refreshBeforeExpiryMs", 0) ?? 30_000,
      ...(reconnect ? Object.keys(RECONNECT).map((name) => option(reconnect, name, "number") ?? RECONNECT[name]) : []),
    ],
    autoResubscribe: option(options, "autoResubscribe", "boolean") ?? true,
    webSocketFactory: option(options, "webSocketFactory", "function") ?? webSocketFactory(),
    rtcPeerConnectionFactory:
      isRoom && (option(options, "rtcPeerConnectionFactory", "function") ?? peerConnectionFactory()),
    logger,
    log: (level, message, context) => logTo(logger, level, message, context),
    given: (name) => (name in RECONNECT ? reconnect[name] : options[name]),
  };
};
