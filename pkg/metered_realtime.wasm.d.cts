/**
 * What a bundler makes of the wasm file when it is told that it is an asset: the file's URL, for `init` of
 * `metered-realtime/slim`.
 */
declare const url: string;
export = url;
