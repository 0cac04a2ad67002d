// What the wasm file exports, once it is instantiated. How that happens is the entry's business.

export const bindings = {};

/** Takes the classes `Client` and `Tracks`, and the functions `admit` and `release`. */
export const install = (exports) => Object.assign(bindings, exports);
