// Watching memory: import this before the package.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { settle } from "./wait.mjs";

export { wasmBytes } from "./wasm-memory.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

/** Collects garbage until finalizers, and what they let go of, have had their turn. */
export const collect = async () => {
  for (let i = 0; i < 4; i += 1) {
    gc();
    await settle();
  }
};

export const heapBytes = () => process.memoryUsage().heapUsed;
