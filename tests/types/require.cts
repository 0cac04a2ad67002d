// The declarations for `require`.

import realtime = require("metered-realtime");

const client: realtime.SignallingClient = new realtime.SignallingClient({ apiKey: "k" });
export const state: realtime.SignallingClientState = client.state;
export const isRefusal = (error: unknown): error is realtime.ServerRequestError => error instanceof realtime.ServerRequestError;
