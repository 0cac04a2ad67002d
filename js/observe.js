// What an `RTCPeerConnection` does, as far as somebody has to know. Its state is a number of the core's.

import { listen } from "./platform.js";

const STATES = ["new", "connecting", "connected", "disconnected", "failed", "closed"];
const CLOSED = STATES.indexOf("closed");

/**
 * How long a first channel waits for its `negotiationneeded`. Browsers and `@roamhq/wrtc` fire it in the next task, some
 * stacks never, `node-datachannel/polyfill` among them, where it looks as if they did: there is nothing to ask before.
 */
const MUTE_MS = 1_000;

/**
 * Listens to a connection. A state is told once. Answers the function that ends it, and one to be told of a new channel:
 * `mute` is called if that goes by without any negotiation.
 */
export const observe = (pc, { negotiationNeeded, candidate, state, stable, dataChannel, track, mute }) => {
  let doubt;
  let last;
  let sctp;
  let wasConnected = false;
  // `connectionState` alone does not tell the state. When the other side closes its connection, only the transports say
  // so and the rest takes that for silence; a transport that was never connected may have been rolled back with its offer.
  // And `@roamhq/wrtc` may announce a failure while `connectionState` is not there yet, and not again. (It also crashes
  // when asked for the DTLS transport.)
  const stateNow = () => {
    const { connectionState } = pc;
    if (!sctp && connectionState === "connected") findTransport();
    const transport = sctp?.state;
    wasConnected ||= transport === "connected";
    if (wasConnected && transport === "closed") return CLOSED;
    return STATES.indexOf(pc.iceConnectionState === "failed" ? "failed" : connectionState);
  };
  const release = () => sctp?.removeEventListener?.("statechange", look);
  // Not at every event: to answer, `@roamhq/wrtc` waits for a thread of its own, which is busy while connections are made.
  const findTransport = () => {
    const found = pc.sctp ?? undefined;
    if (found === sctp) return;
    release();
    sctp = found;
    sctp?.addEventListener?.("statechange", look);
  };
  const look = () => {
    const now = stateNow();
    if (now !== last) state((last = now));
  };
  const unlisten = listen(pc, {
    negotiationneeded: () => {
      clearTimeout(doubt);
      doubt = null;
      negotiationNeeded();
    },
    icecandidate: (event) => candidate(event.candidate),
    connectionstatechange: look,
    iceconnectionstatechange: look,
    signalingstatechange: () => {
      const isStable = pc.signalingState === "stable";
      // What is agreed on may have another transport, or none.
      if (isStable) findTransport();
      look();
      if (isStable) stable();
    },
    datachannel: ({ channel }) => dataChannel(channel),
    track,
  });
  return [
    () => {
      clearTimeout(doubt);
      unlisten();
      release();
    },
    () => {
      // An offer of the other side's has room for the channel, too.
      if (doubt === undefined) doubt = setTimeout(() => pc.remoteDescription?.type || mute(), MUTE_MS);
    },
  ];
};
