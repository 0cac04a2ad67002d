// The part of the public API that is JavaScript.

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
