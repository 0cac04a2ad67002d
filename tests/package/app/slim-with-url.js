// The same with the slim entry, which is told where its wasm file is by whoever put it there: the bundler.

import url from "metered-realtime/metered_realtime.wasm";
import * as realtime from "metered-realtime/slim";
import { roundTrip } from "./round-trip.mjs";
import { options } from "./options.js";

window.result = realtime.init(url).then(() => roundTrip(realtime, options()));
