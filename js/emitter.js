// Event dispatch. It lives on this side of the boundary because handlers do: a data channel's message goes
// from the platform's event to the user's handler without entering WebAssembly.

import { atLeast, logTo } from "./options.js";

const MAX_LISTENERS_BEFORE_WARNING = 100;

/** Older platforms have no such symbol; a polyfill that comes later uses this one. */
export const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** Named events with handlers that cannot disturb each other. */
export class Emitter {
  #listeners = new Map();
  #streams = new Set();
  #ended = false;
  #warned = new Set();
  #logger;

  constructor(logger) {
    this.#logger = logger;
  }

  on(name, handler) {
    return this.#add(name, handler, false);
  }

  once(name, handler) {
    return this.#add(name, handler, true);
  }

  #add(name, handler, once) {
    if (typeof handler !== "function") throw new TypeError(`the handler of '${String(name)}' must be a function`);
    const list = this.#listeners.get(name) ?? [];
    // A new array each time: a dispatch under way keeps iterating over the one it began with.
    this.#listeners.set(name, [...list, { handler, once }]);
    if (list.length + 1 > MAX_LISTENERS_BEFORE_WARNING && !this.#warned.has(name)) {
      this.#warned.add(name);
      logTo(this.#logger, "warn", `more than ${MAX_LISTENERS_BEFORE_WARNING} handlers for '${String(name)}': is an off() missing?`);
    }
    return this;
  }

  off(name, handler) {
    const list = this.#listeners.get(name) ?? [];
    const at = list.findIndex((entry) => entry.handler === handler);
    if (at >= 0) this.#remove(name, list[at]);
    return this;
  }

  emit(name, payload) {
    const list = this.#listeners.get(name);
    if (list === undefined) return false;
    for (const entry of list) {
      const { handler } = entry;
      if (entry.once) {
        // A handler before this one may have emitted the event again: then this one has had its turn.
        if (entry.ran) continue;
        entry.ran = true;
        this.#remove(name, entry);
      }
      try {
        const result = handler(payload);
        if (typeof result?.then === "function") result.then(undefined, (error) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
    return true;
  }

  /** The events of one name as a bounded queue that drops its oldest. Ends when the emitter does. */
  events(name, options) {
    const maxSize = atLeast(options, "maxSize", 0) ?? 4096;
    const queue = [];
    const waiting = [];
    let ended = this.#ended;
    const done = { value: undefined, done: true };
    const push = (value) => {
      if (waiting.length > 0) return waiting.shift()({ value, done: false });
      if (maxSize > 0 && queue.length >= maxSize) queue.shift();
      queue.push(value);
    };
    const end = () => {
      ended = true;
      this.off(name, push);
      this.#streams.delete(end);
      for (const resolve of waiting.splice(0)) resolve(done);
    };
    const stop = () => {
      queue.length = 0;
      end();
    };
    if (!ended) {
      this.on(name, push);
      this.#streams.add(end);
    }
    return {
      next: async () => {
        if (queue.length > 0) return { value: queue.shift(), done: false };
        return ended ? done : new Promise((resolve) => waiting.push(resolve));
      },
      return: async (value) => {
        stop();
        return { value, done: true };
      },
      throw: async (error) => {
        stop();
        throw error;
      },
      [asyncDispose]: async () => stop(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Ends every stream of `events()`: nothing will be emitted any more, or not before a new beginning. `forGood` ends
   * those as well that somebody may ask for later. For the owner of the object.
   */
  _end(forGood = false) {
    this.#ended ||= forGood;
    for (const end of [...this.#streams]) end();
  }

  listenerCount(name) {
    return this.#listeners.get(name)?.length ?? 0;
  }

  removeAllListeners() {
    this._end();
    this.#listeners.clear();
    this.#warned.clear();
    return this;
  }

  #remove(name, entry) {
    const rest = (this.#listeners.get(name) ?? []).filter((other) => other !== entry);
    if (rest.length > 0) this.#listeners.set(name, rest);
    else this.#listeners.delete(name);
    if (rest.length < MAX_LISTENERS_BEFORE_WARNING) this.#warned.delete(name);
  }

  #failed(name, error) {
    logTo(this.#logger, "error", `a handler of '${String(name)}' failed`, { error });
  }
}
