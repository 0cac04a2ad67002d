// The same with the slim entry, which finds its wasm file by itself.

import * as realtime from "metered-realtime/slim";
import { roundTrip } from "./round-trip.mjs";
import { options } from "./options.js";

window.result = realtime.init().then(() => roundTrip(realtime, options()));
