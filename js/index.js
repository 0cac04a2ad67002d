// The public API: everything but the wasm.

import { asyncDispose } from "./emitter.js";
import { nameClasses } from "./errors.js";
import { DataChannel } from "./data_channel.js";
import { DataTrackStream, LocalDataTrack, RemoteDataTrack } from "./data_track.js";
import { MeteredPeer } from "./metered_peer.js";
import { RemotePeer } from "./remote_peer.js";
import { SignallingClient } from "./signalling_client.js";

nameClasses({ DataChannel, DataTrackStream, LocalDataTrack, RemoteDataTrack, MeteredPeer, RemotePeer, SignallingClient });

for (const { prototype } of [SignallingClient, MeteredPeer]) {
  Object.defineProperty(prototype, asyncDispose, { value() { return this.close(); }, configurable: true, writable: true });
}

export { DataChannel, DataTrackStream, LocalDataTrack, RemoteDataTrack, MeteredPeer, RemotePeer, SignallingClient };
export { ConsoleLogger, NoopLogger, WsCloseCode, WsCloseCode as WsCloseCodeValue } from "./constants.js";
export {
  AckTimeoutError,
  DataChannelOverflowError,
  DataChannelOversizedError,
  DataChannelReadOverflowError,
  DisconnectedError,
  IceRestartExhaustedError,
  InternalError,
  MeteredPeerOversizedError,
  MeteredPeerReplaceTrackError,
  MeteredPeerSendError,
  MeteredPeerStateError,
  NotConnectedError,
  OversizedPayloadError,
  PushFrameError,
  ReconcileTimeoutError,
  ServerRequestError,
  SignallingConnectError,
  SubscribeDataTrackError,
} from "./errors.js";
