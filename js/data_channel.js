// `DataChannel`: an `RTCDataChannel` whose `send` knows backpressure. A message goes straight from the platform's
// event to the user's handlers; only sends enter WebAssembly, where the gate is.

import { bindings } from "./bindings.js";
import { Emitter } from "./emitter.js";
import { errors } from "./errors.js";
import { payloadBytes } from "./host.js";
import { LastingChannel } from "./lasting_channel.js";
import { atLeast, option } from "./options.js";
import { listen } from "./platform.js";

// What became of a send, as src/channel.rs numbers it.
const SENT = 0;
const QUEUED = 1;
const OVERFLOW = 2;

/** What the gate counts in has 32 bits, and of a channel that has no room the highest of those are buffered. */
const MAX_HIGH = 2 ** 32 - 2;

const notOpen = () => errors.named("InvalidStateError", "the data channel is not open");

export class DataChannel extends Emitter {
  #channel;
  #gate;
  #maxQueuedSends;
  /** Whether `readyState` is `open`, kept by events: reading a string for each send would cost as much as the send. */
  #open;
  #announced = false;
  /** What every send resolves to that went out at once. */
  #sent = Promise.resolve();
  #waiting = new Map();
  #lastCall = 0;
  #recheck;
  #detach;

  constructor(channel, options) {
    if (channel !== Object(channel)) throw errors.invalid("channel", "must be an RTCDataChannel", channel);
    super(option(options, "logger", "object"));
    const high = Math.min(atLeast(options, "maxBufferedAmount", 1) ?? 1024 * 1024, MAX_HIGH);
    const low = atLeast(options, "bufferedAmountLowThreshold", 0) ?? Math.floor(high / 2);
    this.#maxQueuedSends = atLeast(options, "maxQueuedSends", 0) ?? 256;
    this.#channel = channel;
    this.#gate = new bindings.Channel(channel, high, low, this.#maxQueuedSends);
    this.#open = channel.readyState === "open";
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = low;
    if (channel.readyState === "closed") return;
    this.#detach = listen(channel, {
      message: ({ data }) => this.emit("message", { data }),
      open: () => this.#opened(),
      close: () => this.#closed(),
      bufferedamountlow: () => {
        this.#release();
        this.emit("bufferedamountlow");
      },
      error: (event) =>
        this.emit("error", { err: event?.error ?? errors.named("DataChannelError", "data channel error") }),
    });
    // A channel can be open when we get it: one that the remote opened, whose event is still to come, or in
    // `@roamhq/wrtc` every further one of a connection, whose event never comes.
    if (this.#open) queueMicrotask(() => this.#opened());
  }

  get label() {
    return this.#channel.label;
  }

  get readyState() {
    return this.#channel.readyState;
  }

  get bufferedAmount() {
    const amount = this.#channel.bufferedAmount;
    return amount === Infinity ? 0 : amount;
  }

  send(data) {
    // The channel may be open already, with the event still on its way.
    if (!this.#open && this.readyState !== "open" && !this.#opensAgain) return Promise.reject(notOpen());
    const bytes = payloadBytes(data);
    if (bytes === undefined) {
      return Promise.reject(errors.invalid("data", "must be a string, an ArrayBuffer or a view of one", data));
    }
    try {
      const outcome = this.#gate.send(data, bytes, this.#lastCall + 1);
      if (outcome === SENT) return this.#sent;
      if (outcome === QUEUED) return this.#wait();
      throw outcome === OVERFLOW
        ? errors.overflow(this.#waiting.size, this.#maxQueuedSends)
        : errors.invalid("data", "must not be longer than the channel takes", data);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  close() {
    try {
      this.#channel.close();
    } catch {
      // It is closed already.
    }
    this.#closed();
  }

  /** Whether sends may wait for the channel to be open: it is a lasting one, and not closed for good. */
  get #opensAgain() {
    return this.#channel instanceof LastingChannel && this.readyState !== "closed";
  }

  #opened() {
    if (this.#announced || this.#detach === undefined) return;
    this.#announced = true;
    this.#open = true;
    this.#release();
    this.emit("open");
  }

  #closed() {
    this.#open = false;
    clearTimeout(this.#recheck);
    if (this.#detach === undefined) return;
    if (this.#opensAgain) {
      this.#announced = false;
      this.emit("close");
      return;
    }
    this.#detach();
    this.#detach = undefined;
    for (let call; (call = this.#gate.abandon()) !== undefined; ) this.#take(call).reject(notOpen());
    this.emit("close");
    this._end(true);
  }

  #wait() {
    const call = ++this.#lastCall;
    const promise = new Promise((resolve, reject) => this.#waiting.set(call, { resolve, reject }));
    this.#scheduleRecheck();
    return promise;
  }

  #take(call) {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    return waiting;
  }

  /** Lets waiting sends go as far as the buffer has room. */
  #release() {
    for (let call; ; ) {
      try {
        call = this.#gate.release();
        if (call === undefined) break;
        this.#take(call).resolve();
      } catch ([refused, error]) {
        this.#take(refused).reject(error);
      }
    }
    this.#scheduleRecheck();
  }

  /** Looks at the buffer again by itself: `@roamhq/wrtc` does not announce that it is low. */
  #scheduleRecheck() {
    clearTimeout(this.#recheck);
    if (this.readyState !== "open") return;
    const delay = this.#gate.recheckMs();
    if (delay !== undefined) this.#recheck = setTimeout(() => this.#release(), delay);
  }
}
