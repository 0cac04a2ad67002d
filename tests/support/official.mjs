// The official SDK in Node, where it takes its platform from its options.

import wrtc from "@roamhq/wrtc";
import * as official from "@metered-ca/realtime";
import WebSocket from "ws";
import { access } from "./server.mjs";

export const platform = {
  webSocketFactory: (url) => new WebSocket(url, { allowSynchronousEvents: false }),
  rtcPeerConnectionFactory: (config) => new wrtc.RTCPeerConnection(config),
};

/** A client of the official SDK that is closed when the test ends. */
export const officialClient = async (t, options) => {
  const { webSocketFactory } = platform;
  const client = new official.SignallingClient({ ...(await access()), webSocketFactory, ...options });
  t.after(() => client.close());
  await client.connect();
  return client;
};

/** A peer of the official SDK that is closed when the test ends. */
export const officialPeer = async (t, options) => {
  const peer = new official.MeteredPeer({ ...(await access()), ...platform, ...options });
  t.after(() => peer.close());
  return peer;
};

/** A peer of the official SDK in a channel, closed when the test ends. */
export const officialJoin = async (t, channel, options, joinOptions) => {
  const peer = await officialPeer(t, options);
  await peer.join(channel, joinOptions);
  return peer;
};

export const { DataChannel: OfficialDataChannel } = official;
