// The default entry: importing it is all there is to do. The wasm is inlined and instantiated
// synchronously, so that no caller waits for anything, in a page, in Node and under SSR alike.

import { DataChannel, MeteredPeer, RemotePeer, SignallingClient, initSync } from "../generated/metered_realtime.js";
import { singles, size, text } from "../generated/inlined.js";
import { install } from "../../js/install.js";
import { unpack } from "./unpack.js";

initSync({ module: unpack(text, singles, size) });
install({ DataChannel, MeteredPeer, RemotePeer, SignallingClient });

export { DataChannel, MeteredPeer, RemotePeer, SignallingClient };
export { ConsoleLogger, NoopLogger, WsCloseCode } from "../../js/constants.js";
export {
  AckTimeoutError,
  DataChannelOverflowError,
  DisconnectedError,
  MeteredPeerOversizedError,
  MeteredPeerSendError,
  MeteredPeerStateError,
  NotConnectedError,
  OversizedPayloadError,
  ServerRequestError,
  SignallingConnectError,
} from "../../js/errors.js";
