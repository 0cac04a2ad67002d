// Watching memory: import this before the package.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { settle } from "./wait.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

/** Collects garbage until finalizers, and what they let go of, have had their turn. */
export const collect = async () => {
  for (let i = 0; i < 4; i += 1) {
    gc();
    await settle();
  }
};

const instances = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...args) {
    super(...args);
    instances.push(this);
  }
};

/** The size of the memory of every wasm instance made so far. */
export const wasmBytes = () => {
  if (instances.length === 0) throw new Error("there is no wasm instance yet");
  return instances.reduce((sum, { exports }) => sum + exports.memory.buffer.byteLength, 0);
};

export const heapBytes = () => process.memoryUsage().heapUsed;
