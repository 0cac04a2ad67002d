// A page's program: two clients of the default entry exchange messages. `window.result` is what they saw.

import * as realtime from "metered-realtime";
import { roundTrip } from "./round-trip.mjs";
import { options } from "./options.js";

window.result = roundTrip(realtime, options());
