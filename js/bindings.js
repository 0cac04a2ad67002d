// The classes of the wasm file, once it is instantiated. How that happens is the entry's business.

export const bindings = {};

/** Takes the instantiated classes. */
export const install = (classes) => Object.assign(bindings, classes);
