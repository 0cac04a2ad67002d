// Both entries in one page: neither disturbs the other.

import * as realtime from "metered-realtime";
import * as slim from "metered-realtime/slim";
import { roundTrip } from "./round-trip.mjs";
import { options } from "./options.js";

window.result = slim.init().then(async () => {
  const [one, other] = await Promise.all([roundTrip(realtime, options()), roundTrip(slim, options())]);
  return JSON.stringify(one) === JSON.stringify(other) ? one : [one, other];
});
