// The errors of the public API. They are classes here rather than in Rust because `instanceof Error`, `stack`
// and subclassing need real JavaScript classes. No message contains what a server or a peer sent: that is in
// the fields.

import { scrubbed } from "./scrub.js";

const named = (target, name) => Object.defineProperty(target, "name", { value: name, writable: true, configurable: true });

/** Gives classes the names that they are exported by: a minifier has taken them away. */
export const nameClasses = (classes) => {
  for (const name in classes) named(classes[name], name);
};

export class SignallingConnectError extends Error {
  constructor(closeCode, closeReason) {
    super(`the connection was closed before the server's welcome (close code ${closeCode})`);
    Object.assign(this, { closeCode, closeReason });
  }
}

export class ServerRequestError extends Error {
  constructor(code, requestId, serverMessage) {
    super("the server refused the request; see `code`");
    // Programs branch on the code by either property.
    named(Object.assign(this, { code, requestId, serverMessage }), code);
  }
}

export class NotConnectedError extends Error {
  code = "not_connected";

  constructor() {
    super("not connected: nothing was sent");
  }
}

export class DisconnectedError extends Error {
  code = "disconnected";

  constructor() {
    super("the connection was lost before the server answered: the request may or may not have taken effect");
  }
}

export class AckTimeoutError extends Error {
  code = "ack_timeout";

  constructor(requestId, timeoutMs) {
    super(`the server did not answer within ${timeoutMs} ms`);
    Object.assign(this, { requestId, timeoutMs });
  }
}

class Oversized extends Error {
  code = "oversized_payload";

  constructor(size, cap, who = "the server") {
    super(`the message has ${size} bytes, ${who} takes ${cap}`);
    Object.assign(this, { size, cap });
  }
}

// Neither is an instance of the other: a program that asks for one of them means where it came from.
export class OversizedPayloadError extends Oversized {}
export class MeteredPeerOversizedError extends Oversized {}
export class DataChannelOversizedError extends Oversized {
  constructor(size, cap) {
    super(size, cap, "the other side of the data channel");
  }
}

const sendRefusals = {
  reserved_channel: "the channel has a reserved prefix (_metered/, _internal/, _system/)",
  not_joined: "the peer has not joined a channel",
  self_send: "a peer cannot send to itself",
  invalid_args: "an argument is invalid",
};

export class MeteredPeerSendError extends Error {
  constructor(code, message = sendRefusals[code]) {
    super(message);
    Object.assign(this, { code });
  }
}

export class MeteredPeerStateError extends Error {
  constructor(code, method, message, currentState) {
    super(message);
    Object.assign(this, { code, method, currentState });
  }
}

export class MeteredPeerReplaceTrackError extends Error {
  constructor(succeeded, failed) {
    super(`the track could not be replaced for ${failed.length} of ${succeeded.length + failed.length} peers`);
    Object.assign(this, { succeeded, failed });
  }
}

export class DataChannelOverflowError extends Error {
  code = "data_channel_overflow";

  constructor(queued, cap) {
    super(`${queued} sends wait already, at most ${cap} may: await send()`);
    Object.assign(this, { queued, cap });
  }
}

export class DataChannelReadOverflowError extends Error {
  code = "data_channel_read_overflow";

  constructor(cap) {
    super(`more than ${cap} bytes of messages were not read`);
    Object.assign(this, { cap });
  }
}

export class IceRestartExhaustedError extends Error {
  code = "ice_restart_exhausted";

  constructor() {
    super("the connection failed, and so did every attempt to restart it: it waits for the remote to move");
  }
}

export class ReconcileTimeoutError extends Error {
  code = "reconcile_timeout";

  constructor() {
    super("no roster arrived after the reconnect, however often it was asked for");
  }
}

export class InternalError extends Error {
  code = "internal_error";

  constructor(cause) {
    super("the core has failed, which ends every client that was made with it: load the page or the program again", { cause });
  }
}

const pushRefusals = {
  unpublished: "the track is not published any more",
  not_connected: "the room is not joined",
  too_fast: "too many frames are being encrypted: push fewer",
  too_large: "the payload is longer than a mebibyte",
  exhausted: "the track has used up its frame numbers: unpublish it and publish it again",
};

export class PushFrameError extends Error {
  code = "push_frame";

  constructor(reason) {
    super(pushRefusals[reason]);
    Object.assign(this, { reason });
  }
}

const subscribeFailures = {
  unpublished: "the track is not published any more",
  disconnected: "the publisher has left or begun anew",
  refused: "the publisher does not give the track",
};

export class SubscribeDataTrackError extends Error {
  code = "subscribe_data_track";

  constructor(reason) {
    super(subscribeFailures[reason]);
    Object.assign(this, { reason });
  }
}

const classes = {
  SignallingConnectError, ServerRequestError, NotConnectedError, DisconnectedError, AckTimeoutError,
  OversizedPayloadError, MeteredPeerOversizedError, MeteredPeerSendError, MeteredPeerStateError,
  MeteredPeerReplaceTrackError,
  DataChannelOverflowError, DataChannelOversizedError, DataChannelReadOverflowError,
  IceRestartExhaustedError, ReconcileTimeoutError, InternalError, PushFrameError, SubscribeDataTrackError,
};
nameClasses(classes);
// On the prototype, where `stack` finds it when an error is constructed.
for (const name in classes) named(classes[name].prototype, name);

/** The errors by what went wrong. */
export const errors = {
  named: (name, message) => named(new Error(message), name),
  /** A `TypeError` that names the argument, what it must be, and what it was. */
  invalid: (argument, must, got) => new TypeError(`\`${argument}\` ${must}, got ${describe(got)}`),
  /** A method that cannot be called now. */
  state: ({ method, state, isRoom }) => {
    const message = `${method}() cannot be called in state '${state}'`;
    return isRoom
      ? new MeteredPeerStateError("invalid_state", method, message, state)
      : errors.named("SignallingError", message);
  },
  /** Of a connection that never asks for a negotiation. */
  mute: () =>
    errors.named(
      "NotSupportedError",
      "the RTCPeerConnection does not fire `negotiationneeded`: it cannot open connections, only answer",
    ),
  /** Why there is no token: the provider's own error where it gave one. */
  token: (kind, error) =>
    kind === 0
      ? scrubbed(error)
      : errors.named(
          "TokenProviderError",
          kind === 1
            ? "tokenProvider must answer a non-empty string"
            : "tokenProvider did not answer within tokenProviderTimeoutMs",
        ),
  tokenProvider: (cause) =>
    Object.assign(errors.named("TokenProviderError", "tokenProvider failed several times in a row"), { cause }),
  /** Why a room cannot go on. */
  terminal: (code) =>
    errors.named(
      { 4001: "invalid_token", 4003: "channel_not_authorized", 4012: "account_suspended", 4020: "admin_disconnect" }[code] ??
        `close_${code}`,
      `the connection was closed for good (close code ${code})`,
    ),
};

/** Why a call fails, as src/driver.rs numbers it: of what was called when, and of what is known besides. */
export const rejections = [
  (_, code, reason) => new SignallingConnectError(code, reason),
  (_, kind, error) => errors.token(kind, error),
  (_, code, requestId, message) => new ServerRequestError(code, requestId, message),
  (_, requestId, timeoutMs) => new AckTimeoutError(requestId, timeoutMs),
  ({ isRoom }, size, cap) => new (isRoom ? MeteredPeerOversizedError : OversizedPayloadError)(size, cap),
  () => new NotConnectedError(),
  () => new DisconnectedError(),
  () => errors.named("AbortError", "close() was called"),
  errors.state,
  ...Object.keys(sendRefusals).map((code) => () => new MeteredPeerSendError(code)),
];

/** A value as an error message shows it: never the content of a string or an object, which may be a credential. */
export const describe = (value) =>
  typeof value === "string" ? `a string of length ${value.length}`
  : typeof value === "object" && value !== null ? Object.prototype.toString.call(value)
  : typeof value === "bigint" ? `${value}n`
  : typeof value === "function" ? "a function"
  : String(value);
