// What the wasm file exports, once it is instantiated. How that happens is the entry's business.
//
// All clients that share an instance share its memory. When the core traps, which is what a panic in Rust becomes, or
// when anything else cuts through Rust code, which does not unwind, nothing can be said of that memory any more. Then no
// call gets there again: every client is told and abandoned, and what is asked for later is refused with the same error.

import { failure, failWith, mustWork } from "./asking.js";
import { InternalError } from "./errors.js";
import { scrubbed } from "./scrub.js";

/** The functions `open`, which makes a client, `admit` and `release`. */
export const bindings = {};

/** Those who are told when the core fails, without being kept alive for it. */
const hosts = new Set();
const collected = new FinalizationRegistry((host) => hosts.delete(host));

/** Whoever asks for what is not there gets what `error` answers. */
export const refuse = (error) => Object.setPrototypeOf(bindings, new Proxy({}, { get() { throw error(); } }));

/** Takes the exports. `admit` and `release` need no memory: channels that are nobody's but the application's outlive a failure. */
export const install = ({ Client: { prototype }, open, ...functions }) => {
  for (const name of Object.getOwnPropertyNames(prototype)) prototype[name] = guard(prototype[name]);
  Object.assign(bindings, functions, { open: guard(open) });
};

/** Sees to it that a host's `_abandon` is called with the error when the core fails. It answers whether anybody heard. */
export const enlist = (host) => {
  const reference = new WeakRef(host);
  hosts.add(reference);
  collected.register(host, reference);
};

const guard = (method) => function (...args) {
  mustWork();
  try {
    return method.apply(this, args);
  } catch (why) {
    throw fail(why);
  }
};

const fail = (cause) => {
  if (failure) return failure;
  failWith(new InternalError(scrubbed(cause)));
  let heard = false;
  for (const host of hosts) heard = host.deref()?._abandon(failure) || heard;
  // As an event emitter of Node does with an error that nobody listens to.
  if (!heard) queueMicrotask(() => { throw failure; });
  return failure;
};
