// Options written for the official SDK are options of this package.

import type * as official from "@metered-ca/realtime";
import { MeteredPeer, SignallingClient } from "metered-realtime";
import type { IceServerConfig, PresenceEvent, ReconnectOptions, SignallingClientState } from "metered-realtime";

export const client = (options: official.SignallingClientOptions): SignallingClient => new SignallingClient(options);

export const peer = ({ rtcPeerConnectionFactory, ...options }: official.MeteredPeerOptions): MeteredPeer => {
  void rtcPeerConnectionFactory;
  return new MeteredPeer(options);
};

export const backoff = (options: official.ReconnectOptions): ReconnectOptions => options;
export const state = (state: official.SignallingClientState): SignallingClientState => state;
export const presence = (event: PresenceEvent): official.PresenceEvent => event;
export const servers = (servers: IceServerConfig[]): official.IceServerConfig[] => servers;
