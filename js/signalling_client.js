// `SignallingClient`: publish and subscribe, and direct messages, over one connection that keeps itself up.

import { Emitter } from "./emitter.js";
import { CLOSE, CONNECT, Host, PUBLISH, SEND_TO, SUBSCRIBE, UNSUBSCRIBE } from "./host.js";
import { option, parseOptions } from "./options.js";

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

  connect() {
    return this.#host.call(CONNECT);
  }

  close(code = 1000, reason = "client requested close") {
    return this.#host.call(CLOSE, undefined, String(reason), code);
  }

  async subscribe(channel, options) {
    const metadata = option(options, "includeSenderMetadata", "boolean") ?? false;
    return this.#host.call(SUBSCRIBE, "channel", channel, Number(metadata));
  }

  unsubscribe(channel) {
    return this.#host.call(UNSUBSCRIBE, "channel", channel);
  }

  publish(channel, data) {
    return this.#host.send(PUBLISH, "channel", channel, data);
  }

  send(peerId, data) {
    return this.#host.send(SEND_TO, "peerId", peerId, data);
  }

  toJSON() {
    return { state: this.state };
  }
}
