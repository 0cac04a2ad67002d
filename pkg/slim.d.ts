/**
 * The same as `metered-realtime`, without the wasm inside: {@link init} loads it from a file of its own, which is compiled
 * while it arrives and cached as any other file.
 *
 * The names are those of the default entry, its classes are not: a program takes one entry or the other.
 */

export * from "./index.js";

/**
 * Where the wasm comes from: its URL, a relative one being that of `fetch`; a `Response`, or what else has `arrayBuffer()`;
 * its bytes; or a module that was compiled before. A promise of one will do.
 */
export type InitInput =
  | string
  | URL
  | Response
  | Blob
  | ArrayBuffer
  | ArrayBufferView<ArrayBuffer>
  | WebAssembly.Module;

/**
 * Loads the wasm. Resolves when everything else can be used: before that, constructors throw an `InvalidStateError`.
 *
 * Calls share one attempt, and after a success they resolve at once. One that fails can be made again, with another
 * `input`. Without a `Response` of the type `application/wasm` the file is compiled after it has arrived.
 * @param input Default: `metered_realtime.wasm` beside the module, where bundlers that know `new URL(…, import.meta.url)`
 *   put it. In Node a `file:` URL is read from the disk.
 * @throws `TypeError` for another input; what `fetch` or the disk says; an `Error` for an HTTP status that is none of
 *   success, and for the wasm file of another version; `WebAssembly.CompileError` for what is no wasm.
 */
export function init(input?: InitInput | Promise<InitInput>): Promise<void>;
