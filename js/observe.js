// What an `RTCPeerConnection` does, as far as somebody has to know. Its state is a number of the core's.

import { listen } from "./platform.js";

const STATES = ["new", "connecting", "connected", "disconnected", "failed", "closed"];
const CLOSED = STATES.indexOf("closed");

/** Listens to a connection; answers the function that ends it. A state is told once. */
export const observe = (pc, { negotiationNeeded, candidate, state, stable, dataChannel, track }) => {
  let last;
  let sctp;
  let wasConnected = false;
  // `connectionState` alone does not tell the state. When the other side closes its connection, only the transports say
  // so and the rest takes that for silence; a transport that was never connected may have been rolled back with its offer.
  // And `@roamhq/wrtc` may announce a failure while `connectionState` is not there yet, and not again. (It also crashes
  // when asked for the DTLS transport.)
  const stateNow = () => {
    wasConnected ||= sctp?.state === "connected";
    if (wasConnected && sctp?.state === "closed") return CLOSED;
    return STATES.indexOf(pc.iceConnectionState === "failed" ? "failed" : pc.connectionState);
  };
  const release = () => sctp?.removeEventListener?.("statechange", look);
  const look = () => {
    if ((pc.sctp ?? undefined) !== sctp) {
      release();
      sctp = pc.sctp ?? undefined;
      sctp?.addEventListener?.("statechange", look);
    }
    const now = stateNow();
    if (now !== last) state((last = now));
  };
  const unlisten = listen(pc, {
    negotiationneeded: negotiationNeeded,
    icecandidate: (event) => candidate(event.candidate),
    connectionstatechange: look,
    iceconnectionstatechange: look,
    signalingstatechange: () => {
      look();
      if (pc.signalingState === "stable") stable();
    },
    datachannel: ({ channel }) => dataChannel(channel),
    track,
  });
  return () => {
    unlisten();
    release();
  };
};
