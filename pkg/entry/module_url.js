// What `import.meta.url` is for a CommonJS module in Node. Nowhere else there is such a thing.

export const moduleUrl = globalThis.process?.getBuiltinModule?.("node:url").pathToFileURL(__filename).href;
