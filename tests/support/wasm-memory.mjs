// The memory of wasm instances: import this before what makes them.

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
