// The events of the public API, one function each: it builds the payload and dispatches it, so that the Rust
// side crosses the boundary once per event and spells no name.

const optional = (name, value) => (value === undefined ? undefined : { [name]: value });

export const events = {
  stateChange: (emitter, from, to) => emitter.emit("state-change", { from, to }),

  // SignallingClient
  connected: (emitter, peerId, serverTime, expiresAt, isReconnect, maxMessageSize, iceServers, resumed) =>
    emitter.emit("connected", {
      peerId, serverTime, expiresAt: expiresAt ?? null, isReconnect, maxMessageSize, resumed,
      ...(iceServers.length > 0 && { iceServers }),
    }),
  disconnected: (emitter, code, reason, willReconnect) => emitter.emit("disconnected", { code, reason, willReconnect }),
  message: (emitter, channel, from, fromMetadata, data) =>
    emitter.emit("message", { channel, from, ...optional("fromMetadata", fromMetadata), data }),
  direct: (emitter, from, fromMetadata, data) =>
    emitter.emit("direct", { from, ...optional("fromMetadata", fromMetadata), data }),
  presence: (emitter, channel, joined, left) => emitter.emit("presence", { channel, joined, left }),
  serverError: (emitter, code, message) => emitter.emit("server-error", { code, ...optional("message", message) }),
  goingAway: (emitter, retryAfterMs) => emitter.emit("going-away", { retryAfterMs }),
  tokenProviderError: (emitter, consecutiveFailures, err) =>
    emitter.emit("token-provider-error", { consecutiveFailures, err }),

  // MeteredPeer
  joined: (emitter, peerId, channel) => emitter.emit("joined", { peerId, channel }),
  left: (emitter, peerId, channel, reason) =>
    emitter.emit("left", { peerId: peerId ?? null, channel: channel ?? null, ...optional("reason", reason) }),
  peerJoined: (emitter, peer) => emitter.emit("peer-joined", { peer }),
  peerLeft: (emitter, peer) => emitter.emit("peer-left", { peer }),
  data: (emitter, senderPeerId, senderMetadata, data, kind) =>
    emitter.emit("data", { senderPeerId, data, kind, ...optional("senderMetadata", senderMetadata) }),
  error: (emitter, err) => emitter.emit("error", { err }),

  // RemotePeer
  connectionReset: (emitter) => emitter.emit("connection-reset", {}),
  negotiationError: (emitter, err) => emitter.emit("negotiation-error", { err }),
  iceCandidateError: (emitter, err) => emitter.emit("ice-candidate-error", { err }),
  dataChannel: (emitter, channel) => emitter.emit("data-channel", { channel }),

  // DataChannel
  open: (emitter) => emitter.emit("open", undefined),
  close: (emitter) => emitter.emit("close", undefined),
  bufferedAmountLow: (emitter) => emitter.emit("bufferedamountlow", undefined),
};

export const presencePeer = (peerId, metadata) => ({ peerId, ...optional("metadata", metadata) });

export const iceServer = (urls, username, credential) => ({
  urls, ...optional("username", username), ...optional("credential", credential),
});

export const summary = (state, peerId, channel) => ({ state, peerId: peerId ?? null, channel: channel ?? null });
export const remoteSummary = (id, state) => ({ id, state });
export const clientSummary = (state) => ({ state });
