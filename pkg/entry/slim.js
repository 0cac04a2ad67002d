// The slim entry: the wasm is a file of its own, which is compiled while it arrives, and `init` waits for it. Until then
// everything that needs it is refused.

import { admit, Client, instantiate, open, release } from "../generated/metered_realtime.js";
import { install, refuse } from "../../js/bindings.js";
import { errors } from "../../js/errors.js";

const MUST = "must be a URL, a Response, bytes or a WebAssembly.Module";

let ready;

/** Gets the wasm and makes it ready, once; all calls share the attempt, and one that fails can be made again. */
export const init = (input) => (ready ??= start(input).catch((error) => {
  ready = undefined;
  throw error;
}));

const start = async (input) => {
  // The form in which bundlers see that the file belongs to the bundle.
  const module = await compiled(await (input ?? new URL("./metered_realtime.wasm", import.meta.url)));
  try {
    instantiate(module);
  } catch (cause) {
    throw new Error("the wasm file is not that of this version of metered-realtime", { cause });
  }
  install({ admit, Client, open, release });
};

const compiled = async (input) => {
  const source = typeof input === "string" || input instanceof URL ? await fetched(input) : input;
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  if (typeof source?.arrayBuffer !== "function") throw errors.invalid("input", MUST, source);
  if (source.ok === false) throw new Error(`the wasm file could not be fetched: the server answered ${source.status}`);
  // What bears another type is refused by the compiler that reads along.
  const streams = source.headers?.get("content-type")?.startsWith("application/wasm");
  return streams ? WebAssembly.compileStreaming(source) : WebAssembly.compile(await source.arrayBuffer());
};

/** A Response; in Node, which fetches no files, the bytes of one. */
const fetched = async (url) => {
  const files = String(url).startsWith("file:") && globalThis.process?.getBuiltinModule?.("node:fs/promises");
  return files ? files.readFile(new URL(url)) : fetch(url);
};

refuse(() => errors.named("InvalidStateError", "metered-realtime/slim is not ready: `await init()` first"));

export * from "../../js/index.js";
