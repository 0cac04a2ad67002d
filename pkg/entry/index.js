// The default entry: importing it is all there is to do. The wasm is inlined and instantiated
// synchronously, so that no caller waits for anything, in a page, in Node and under SSR alike.

import { admit, Client, instantiate, open, release } from "../generated/metered_realtime.js";
import { inlined } from "../generated/inlined.js";
import { install } from "../../js/bindings.js";
import { unpack } from "./unpack.js";

instantiate(new WebAssembly.Module(unpack(inlined)));
install({ admit, Client, open, release });

export * from "../../js/index.js";
