// `DataChannel`: an `RTCDataChannel` whose `send` knows backpressure. A message goes straight from the platform's
// event to the user's handlers, and a payload straight to the platform: WebAssembly, where the gate is, sees numbers.

import { bindings } from "./bindings.js";
import { readable, writable } from "./channel_streams.js";
import { Emitter } from "./emitter.js";
import { DataChannelOverflowError, DataChannelOversizedError, errors } from "./errors.js";
import { LastingChannel } from "./lasting_channel.js";
import { maxMessageSize } from "./message_size.js";
import { atLeast, option } from "./options.js";
import { isBlob, payloadBytes, snapshot } from "./payload.js";
import { listen } from "./platform.js";

// What becomes of a send, as src/channel.rs numbers it.
const SENT = 0;
const WAIT = 1;
const OVERFLOW = 2;

/** What the gate counts in has 32 bits, and of a channel that has no room the highest of those are buffered. */
const MAX_HIGH = 2 ** 32 - 2;

const LOW = "bufferedAmountLowThreshold";

/** What `@roamhq/wrtc` has for a limit that was not set. */
const UNSET = 65_535;

const notOpen = () => errors.named("InvalidStateError", "the data channel is not open");

export class DataChannel extends Emitter {
  #channel;
  #high;
  #low;
  #maxQueued;
  #givenSize;
  #size;
  #maxUnread;
  /** Whether `readyState` is `open`, kept by events: reading a string for each send would cost as much as the send. */
  #open;
  #announced = false;
  /** What every send resolves to that went out at once. */
  #sent = Promise.resolve();
  /** The sends that wait. One of a Blob is not `ready` until that is read. */
  #queue = [];
  #recheck;
  #rechecks = 0;
  /** What was buffered at the latest of those. */
  #lastSeen = Infinity;
  /** Whether the platform never says that the buffer is low, as `@roamhq/wrtc`: then we look, if somebody listens. */
  #mute;
  #wasHigh = false;
  /** What the platform said was wrong since the channel was opened. */
  #failure;
  #incoming;
  #outgoing;
  #detach;

  static {
    const others = { maxPacketLifeTime: "maxRetransmits", maxRetransmits: "maxPacketLifeTime" };
    for (const name of ["id", "label", "ordered", "protocol", "negotiated", "readyState", ...Object.keys(others)]) {
      Object.defineProperty(this.prototype, name, {
        get() {
          const value = this.#channel[name] ?? null;
          // `@roamhq/wrtc` has numbers for what is not there. Of two limits, never more than one can be.
          const isUnset = value < 0 || (value === UNSET && this.#channel[others[name]] != null);
          return isUnset ? null : value;
        },
      });
    }
  }

  constructor(channel, options) {
    if (channel !== Object(channel)) throw errors.invalid("channel", "must be an RTCDataChannel", channel);
    super(option(options, "logger", "object"));
    this.#high = Math.min(atLeast(options, "maxBufferedAmount", 1) ?? 1024 * 1024, MAX_HIGH);
    this.#low = atLeast(options, LOW, 0) ?? Math.floor(this.#high / 2);
    this.#maxQueued = atLeast(options, "maxQueuedSends", 0) ?? 256;
    this.#givenSize = atLeast(options, "maxMessageSize", 1);
    this.#maxUnread = atLeast(options, "maxUnreadAmount", 1) ?? 16 * 1024 * 1024;
    this.#channel = channel;
    this.#open = channel.readyState === "open";
    channel.binaryType = "arraybuffer";
    this.#limit();
    if (channel.readyState === "closed") return void this._end(true);
    this.#detach = listen(channel, {
      message: ({ data }) => {
        // First, so that a handler that closes the channel does not cut the message off.
        this.#incoming?.take(data);
        this.emit("message", { data });
      },
      open: () => this.#opened(),
      close: () => this.#closed(),
      bufferedamountlow: () => {
        this.#release();
        this.#tellLow();
      },
      error: (event) => {
        const err = (this.#failure = event?.error ?? errors.named("DataChannelError", "data channel error"));
        this.emit("error", { err });
      },
    });
    // A channel can be open when we get it: one that the remote opened, whose event is still to come, or in
    // `@roamhq/wrtc` every further one of a connection, whose event never comes.
    if (this.#open) queueMicrotask(() => this.#opened());
  }

  get bufferedAmount() {
    const amount = this.#channel.bufferedAmount;
    return amount === Infinity ? 0 : amount;
  }

  get bufferedAmountLowThreshold() {
    return this.#low;
  }

  set bufferedAmountLowThreshold(bytes) {
    this.#low = atLeast({ [LOW]: bytes ?? NaN }, LOW, 0);
    this.#limit();
    this.#release();
  }

  get maxMessageSize() {
    // What the standard says of a connection of which nothing is known yet.
    return this.#open ? this.#size : Math.min(this.#size, 65_536);
  }

  get readable() {
    if (this.#incoming) return this.#incoming.stream;
    const incoming = readable(this.#maxUnread, () => {
      if (this.#incoming === incoming) this.#incoming = undefined;
    });
    this.#incoming = incoming;
    if (!this.#detach) incoming.end();
    return incoming.stream;
  }

  get writable() {
    if (this.#outgoing) return this.#outgoing.stream;
    const most = () => Math.floor(Math.min(this.maxMessageSize, this.#high));
    const outgoing = writable((data) => this.#send(data, true), most, () => {
      if (this.#outgoing === outgoing) this.#outgoing = undefined;
    });
    this.#outgoing = outgoing;
    if (!this.#detach) outgoing.end(notOpen());
    return outgoing.stream;
  }

  send(data) {
    return this.#send(data, false);
  }

  trySend(data) {
    if (isBlob(data)) throw errors.invalid("data", "must be a string, an ArrayBuffer or a view of one", data);
    return this.#offer(data) === SENT;
  }

  close() {
    try {
      this.#channel.close();
    } catch {
      // It is closed already.
    }
    this.#closed();
  }

  #send(data, ofStream) {
    try {
      const outcome = this.#offer(data);
      if (outcome === SENT) return this.#sent;
      if (outcome === OVERFLOW) throw new DataChannelOverflowError(this.#queue.length, this.#maxQueued);
      return this.#wait(data, ofStream);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends now, if there is room. Answers what becomes of it; throws if it can never be sent. */
  #offer(data) {
    // The channel may be open already, with the event still on its way.
    if (!this.#open && this.readyState !== "open" && !this.#opensAgain) throw notOpen();
    const isText = typeof data === "string";
    // Counting takes longer than sending. Mostly there is room for the longest that a text of this length can be.
    let bytes = isText ? data.length * 3 : payloadBytes(data);
    if (bytes === undefined) throw errors.invalid("data", "must be a string, a Blob, an ArrayBuffer or a view of one", data);
    const buffered = !isText && isBlob(data) ? Infinity : this.#channel.bufferedAmount;
    const admit = () => bindings.admit(bytes, this.#size, buffered, this.#high, this.#queue.length, this.#maxQueued);
    let outcome = admit();
    if (outcome !== SENT && isText) {
      bytes = payloadBytes(data);
      outcome = admit();
    }
    if (outcome > OVERFLOW) throw new DataChannelOversizedError(bytes, this.maxMessageSize);
    if (outcome === SENT) {
      this.#channel.send(data);
      if (this.#mute && buffered + bytes > this.#low) this.#watchLow();
    }
    return outcome;
  }

  #wait(data, ofStream) {
    return new Promise((resolve, reject) => {
      // Of a stream's chunk, nobody else has the bytes until it is written.
      const copy = ofStream ? data : snapshot(data);
      const entry = { data: copy, bytes: payloadBytes(data), ready: !isBlob(data), resolve, reject, ofStream };
      if (this.#queue.push(entry) === 1) this.#rechecks = 0;
      if (entry.ready) return this.#recheckSoon();
      const read = (data, failed) => {
        Object.assign(entry, { data, bytes: payloadBytes(data), ready: true, failed });
        this.#release();
      };
      (async () => data.arrayBuffer())().then(read, (reason) => read(reason, true));
    });
  }

  /** Whether sends may wait for the channel to be open: it is a lasting one, and not closed for good. */
  get #opensAgain() {
    return this.#channel instanceof LastingChannel && this.readyState !== "closed";
  }

  /** Tells the gate and the channel what may have changed. */
  #limit() {
    const native = this.#channel._native ?? this.#channel;
    this.#mute = !("onbufferedamountlow" in native);
    this.#channel[LOW] = this.#low = Math.min(this.#low, MAX_HIGH);
    this.#size = this.#givenSize ?? maxMessageSize(native, this.#open);
  }

  #opened() {
    if (this.#announced || this.#detach === undefined) return;
    this.#announced = true;
    this.#open = true;
    this.#limit();
    this.#release();
    this.emit("open");
  }

  #closed() {
    this.#open = false;
    this.#wasHigh = false;
    this.#stopRechecks();
    if (this.#detach === undefined) return;
    const again = this.#opensAgain;
    if (again) {
      this.#announced = false;
    } else {
      this.#detach();
      this.#detach = undefined;
    }
    const queue = this.#queue;
    // A stream ends here, and nothing of it comes later.
    this.#queue = again ? queue.filter(({ ofStream }) => !ofStream) : [];
    for (const entry of queue) if (!again || entry.ofStream) entry.reject(notOpen());
    const lost = again && errors.named("DataChannelError", "the connection was replaced: messages may be missing");
    this.#incoming?.end(this.#failure ?? lost);
    this.#outgoing?.end(notOpen());
    this.#failure = undefined;
    this.emit("close");
    if (!again) this._end(true);
  }

  /** Lets waiting sends go as far as the buffer has room. */
  #release() {
    let draining = false;
    for (let first; (first = this.#queue[0])?.ready; ) {
      const { data, bytes, failed } = first;
      const buffered = this.#channel.bufferedAmount;
      const outcome = failed ? SENT : bindings.release(bytes, this.#size, buffered, this.#high, this.#low, draining);
      if (outcome === WAIT) break;
      draining = true;
      this.#queue.shift();
      this.#rechecks = 0;
      try {
        if (failed) throw data;
        if (outcome !== SENT) throw new DataChannelOversizedError(bytes, this.maxMessageSize);
        this.#channel.send(data);
        first.resolve();
      } catch (error) {
        first.reject(error);
      }
    }
    this.#stopRechecks();
    this.#recheckSoon();
  }

  /** The buffer is above the low-water mark. */
  #watchLow() {
    if (this.listenerCount("bufferedamountlow") === 0) return;
    if (!this.#wasHigh) this.#rechecks = 0;
    this.#wasHigh = true;
    this.#recheckSoon();
  }

  #tellLow() {
    this.#wasHigh = false;
    this.emit("bufferedamountlow");
  }

  /** Looks at the buffer by itself, after 4 ms and while nothing moves less and less often: there may be no event. */
  #recheckSoon() {
    if (this.#recheck !== undefined || !(this.#queue[0]?.ready || this.#wasHigh) || this.readyState !== "open") return;
    this.#recheck = setTimeout(() => {
      this.#recheck = undefined;
      const buffered = this.bufferedAmount;
      if (buffered < this.#lastSeen) this.#rechecks = 0;
      this.#lastSeen = buffered;
      if (this.#wasHigh && buffered <= this.#low) this.#tellLow();
      this.#release();
    }, 4 << this.#rechecks);
    this.#rechecks = Math.min(this.#rechecks + 1, 4);
  }

  #stopRechecks() {
    clearTimeout(this.#recheck);
    this.#recheck = undefined;
  }
}
