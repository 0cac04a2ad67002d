// A thread of Node's that makes a round trip, tells the result, and ends by itself.

import { parentPort, workerData } from "node:worker_threads";
import * as realtime from "metered-realtime";
import { roundTrip } from "./round-trip.mjs";

parentPort.postMessage(await roundTrip(realtime, workerData));
