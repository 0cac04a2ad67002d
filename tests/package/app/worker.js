// The program of the worker: both entries, one after the other.

import * as realtime from "metered-realtime";
import * as slim from "metered-realtime/slim";
import { roundTrip } from "./round-trip.mjs";

self.onmessage = async ({ data: options }) => {
  await roundTrip(realtime, options);
  await slim.init();
  self.postMessage(await roundTrip(slim, options));
};
