// The public API: everything but the wasm.

import { asyncDispose } from "./emitter.js";
import { nameClasses } from "./errors.js";
import { DataChannel } from "./data_channel.js";
import { MeteredPeer } from "./metered_peer.js";
import { RemotePeer } from "./remote_peer.js";
import { SignallingClient } from "./signalling_client.js";

nameClasses({ DataChannel, MeteredPeer, RemotePeer, SignallingClient });

for (const { prototype } of [SignallingClient, MeteredPeer]) {
  Object.defineProperty(prototype, asyncDispose, { value() { return this.close(); }, configurable: true, writable: true });
}

export { DataChannel, MeteredPeer, RemotePeer, SignallingClient };
export { ConsoleLogger, NoopLogger, WsCloseCode, WsCloseCode as WsCloseCodeValue } from "./constants.js";
export {
  AckTimeoutError,
  DataChannelOverflowError,
  DataChannelOversizedError,
  DataChannelReadOverflowError,
  DisconnectedError,
  IceRestartExhaustedError,
  MeteredPeerOversizedError,
  MeteredPeerReplaceTrackError,
  MeteredPeerSendError,
  MeteredPeerStateError,
  NotConnectedError,
  OversizedPayloadError,
  ReconcileTimeoutError,
  ServerRequestError,
  SignallingConnectError,
} from "./errors.js";
