// The cycles in Node, in a process that may end as it likes: prints what each step has left.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { cycles } from "../support/cycles.mjs";
import wrtc from "@roamhq/wrtc";
import { WebSocket } from "ws";

setFlagsFromString("--expose-gc");
const { access, steps } = JSON.parse(process.argv[2]);
const run = await cycles({
  load: () => import("metered-realtime"),
  access,
  gc: runInNewContext("gc"),
  heapBytes: () => process.memoryUsage().heapUsed,
  newSocket: (url) => new WebSocket(url),
  newConnection: (config) => new wrtc.RTCPeerConnection(config),
});
const results = [];
for (const [name, ...args] of steps) results.push(await run[name](...args));
process.send(results, () => process.exit());
