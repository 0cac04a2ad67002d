// What the exported classes have beyond their Rust methods: event registration that answers `this`, and
// disposal. Called once with the module of the bindings.

import { nameClasses } from "./errors.js";

const emitting = {
  on(name, handler) {
    this.emitter.on(name, handler);
    return this;
  },
  once(name, handler) {
    this.emitter.on(name, handler, true);
    return this;
  },
  off(name, handler) {
    this.emitter.off(name, handler);
    return this;
  },
  events(name, options) {
    return this.emitter.events(name, options);
  },
  listenerCount(name) {
    return this.emitter.listenerCount(name);
  },
  removeAllListeners() {
    this.emitter.removeAllListeners();
    return this;
  },
};

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

const define = (prototype, members) => {
  for (const name of Reflect.ownKeys(members)) {
    Object.defineProperty(prototype, name, { value: members[name], writable: true, configurable: true });
  }
};

export const install = ({ SignallingClient, MeteredPeer, RemotePeer, DataChannel }) => {
  nameClasses({ SignallingClient, MeteredPeer, RemotePeer, DataChannel });
  for (const { prototype } of [SignallingClient, MeteredPeer, RemotePeer, DataChannel]) {
    define(prototype, emitting);
    // Memory is the garbage collector's business; a method that breaks the object is not part of the API.
    delete prototype.free;
    if (Symbol.dispose) delete prototype[Symbol.dispose];
  }
  for (const { prototype } of [SignallingClient, MeteredPeer]) {
    define(prototype, { [asyncDispose]() { return this.close(); } });
  }
};
