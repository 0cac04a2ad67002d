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

/**
 * An option of a peer in Node, whose connections then leave a remote's TCP candidates alone. For each of those `@roamhq/wrtc`
 * opens sockets, some sixty for a connection: sixteen peers take the files of a process, and the ports of a machine.
 */
export const udpOnly = async () => {
  const { default: { RTCPeerConnection } } = await import("@roamhq/wrtc");
  const isTcp = (candidate) => / tcp /i.test(candidate);
  class UdpConnection extends RTCPeerConnection {
    async addIceCandidate(candidate) {
      if (!isTcp(candidate?.candidate)) await super.addIceCandidate(candidate);
    }

    setRemoteDescription({ type, sdp }) {
      const lines = sdp.split("\r\n").filter((line) => !(line.startsWith("a=candidate:") && isTcp(line)));
      return super.setRemoteDescription({ type, sdp: lines.join("\r\n") });
    }
  }
  return { rtcPeerConnectionFactory: (config) => new UdpConnection(config) };
};

/** Opens a channel to a remote, as each SDK has it. */
export const createChannel = (remote, label, init) => (remote.createDataChannel ? remote : remote.pc).createDataChannel(label, init);
