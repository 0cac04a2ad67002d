// The default entry: importing it is all there is to do. The wasm is inlined and instantiated
// synchronously, so that no caller waits for anything, in a page, in Node and under SSR alike.

import * as bindings from "../generated/metered_realtime.js";
import { singles, size, text } from "../generated/inlined.js";
import { install } from "../../js/install.js";
import { unpack } from "./unpack.js";

bindings.initSync({ module: unpack(text, singles, size) });
install(bindings);

export { DataChannel, MeteredPeer, RemotePeer, SignallingClient } from "../generated/metered_realtime.js";
export * from "./public.js";
