// The SDKs by their names, with the platform that each needs. Works in Node and in a page.

const inNode = globalThis.process !== undefined;

/** What the official SDK has to be given in Node; this package finds it by itself. */
const platform = async () => {
  if (!inNode) return {};
  const [{ default: wrtc }, { default: WebSocket }] = await Promise.all([import("@roamhq/wrtc"), import("ws")]);
  return {
    // Otherwise it loses a roster that comes in one read with the answer to its subscribe.
    webSocketFactory: (url) => new WebSocket(url, { allowSynchronousEvents: false }),
    rtcPeerConnectionFactory: (config) => new wrtc.RTCPeerConnection(config),
  };
};

const load = {
  ours: async () => ({ sdk: await import("metered-realtime"), options: {} }),
  official: async () => ({ sdk: await import("@metered-ca/realtime"), options: await platform() }),
};

/** An SDK's exports, and a function that makes a peer of it. */
export const loadSdk = async (which, access) => {
  const { sdk, options } = await load[which]();
  return { ...sdk, newPeer: (more) => new sdk.MeteredPeer({ ...access, ...options, ...more }) };
};

/** Opens a channel to a remote, as each SDK has it. */
export const createChannel = (remote, label, init) => (remote.createDataChannel ? remote : remote.pc).createDataChannel(label, init);
