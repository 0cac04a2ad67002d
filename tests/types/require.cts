// The declarations for `require`.

import realtime = require("metered-realtime");
import slim = require("metered-realtime/slim");
import wasm = require("metered-realtime/metered_realtime.wasm");

const client: realtime.SignallingClient = new realtime.SignallingClient({ apiKey: "k" });
export const state: realtime.SignallingClientState = client.state;
export const isRefusal = (error: unknown): error is realtime.ServerRequestError => error instanceof realtime.ServerRequestError;
export const ready: Promise<void> = slim.init(wasm);
export const peer = (options: slim.MeteredPeerOptions): realtime.MeteredPeer => new slim.MeteredPeer(options);
