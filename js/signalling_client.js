// `SignallingClient`: publish and subscribe, and direct messages, over one connection that keeps itself up.

import { Emitter } from "./emitter.js";
import { errors } from "./errors.js";
import { CLOSE, CONNECT, Host, PUBLISH, SEND_TO, SUBSCRIBE, UNSUBSCRIBE } from "./host.js";
import { utf8Length } from "./payload.js";
import { parseOptions } from "./options.js";

export class SignallingClient extends Emitter {
  #host;

  constructor(options) {
    const parsed = parseOptions(options, false);
    super(parsed.logger);
    this.#host = new Host(this, parsed, false);
  }

  get state() {
    return this.#host.state;
  }

  get peerId() {
    return this.#host.peerId;
  }

  get latencyMs() {
    return this.#host.latencyMs;
  }

  connect(options) {
    return this.#host.call(CONNECT, options);
  }

  async close(code = 1000, reason = "client requested close") {
    // What `WebSocket.close()` takes.
    if (code !== 1000 && !(code >= 3000 && code <= 4999 && Number.isInteger(code))) {
      throw errors.invalid("code", "must be 1000 or an integer from 3000 to 4999", code);
    }
    if (typeof reason !== "string" || utf8Length(reason) > 123) {
      throw errors.invalid("reason", "must be a string of at most 123 bytes", reason);
    }
    return this.#host.call(CLOSE, undefined, undefined, reason, code);
  }

  subscribe(channel, options) {
    return this.#host.enter(SUBSCRIBE, options, channel);
  }

  unsubscribe(channel, options) {
    return this.#host.call(UNSUBSCRIBE, options, "channel", channel);
  }

  publish(channel, data, options) {
    return this.#host.send(PUBLISH, options, data, "channel", channel);
  }

  send(peerId, data, options) {
    return this.#host.send(SEND_TO, options, data, "peerId", peerId);
  }

  toJSON() {
    return { state: this.state };
  }
}
