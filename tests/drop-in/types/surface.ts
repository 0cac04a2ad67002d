// What this package gives is what the official SDK gives, or more; what the official SDK takes, this package takes. Each
// line assigns the one to the other. Classes are compared by their public members: private ones make every class a
// type of its own.

import * as official from "@metered-ca/realtime";
import * as ours from "metered-realtime";

/** Compiles if `Given` can stand wherever `Wanted` is asked for. */
type Stands<Given extends Wanted, Wanted> = Given;

/** Compiles if either can stand for the other. */
type Same<A extends B, B extends C, C = A> = [A, B, C];

/** The methods around events that every class with events has. */
interface Registration<Events> {
  on<K extends keyof Events>(event: K, handler: (payload: Events[K]) => void): this;
  off<K extends keyof Events>(event: K, handler: (payload: Events[K]) => void): this;
  once<K extends keyof Events>(event: K, handler: (payload: Events[K]) => void): this;
}

/** Those that only some of them have. */
interface Emission<Events> extends Registration<Events> {
  emit<K extends keyof Events>(event: K, payload: Events[K]): boolean;
  listenerCount<K extends keyof Events>(event: K): number;
  removeAllListeners(): this;
}

/** The public members of a class but those around events and some others. */
type Members<T, Without extends string = never> = Omit<T, keyof Emission<unknown> | Without>;

type Client = Members<official.SignallingClient> & Registration<official.SignallingClientEventMap>;
type Channel = Members<official.DataChannel> & Emission<official.DataChannelEventMap>;
type Remote = Members<official.RemotePeer> & Emission<official.RemotePeerEventMap>;
type RoomEvents = Omit<official.MeteredPeerEventMap, "peer-joined" | "peer-left"> & Record<"peer-joined" | "peer-left", { peer: Remote }>;
type Room = Members<official.MeteredPeer, "remotePeers"> & Emission<RoomEvents> & { readonly remotePeers: Remote[] };

export type Surface = [
  // Classes
  Stands<ours.SignallingClient, Client>,
  Stands<ours.MeteredPeer, Room>,
  Stands<ours.RemotePeer, Remote>,
  Stands<ours.DataChannel, Channel>,

  // Constructors
  Stands<ConstructorParameters<typeof official.SignallingClient>, ConstructorParameters<typeof ours.SignallingClient>>,
  Stands<ConstructorParameters<typeof official.MeteredPeer>, ConstructorParameters<typeof ours.MeteredPeer>>,
  Stands<ConstructorParameters<typeof official.DataChannel>, ConstructorParameters<typeof ours.DataChannel>>,

  // Errors
  Stands<typeof ours.SignallingConnectError, typeof official.SignallingConnectError>,
  Stands<typeof ours.OversizedPayloadError, typeof official.OversizedPayloadError>,
  Stands<typeof ours.MeteredPeerOversizedError, typeof official.MeteredPeerOversizedError>,
  Stands<typeof ours.MeteredPeerSendError, typeof official.MeteredPeerSendError>,
  Stands<typeof ours.MeteredPeerStateError, typeof official.MeteredPeerStateError>,
  Stands<typeof ours.MeteredPeerReplaceTrackError, typeof official.MeteredPeerReplaceTrackError>,
  Stands<typeof ours.DataChannelOverflowError, typeof official.DataChannelOverflowError>,

  // Constants and loggers
  Stands<typeof ours.WsCloseCode, typeof official.WsCloseCode>,
  Stands<typeof ours.WsCloseCodeValue, typeof official.WsCloseCodeValue>,
  Stands<typeof ours.NoopLogger, typeof official.NoopLogger>,
  Stands<typeof ours.ConsoleLogger, typeof official.ConsoleLogger>,
  Stands<keyof typeof official, keyof typeof ours>,

  // Events
  Stands<ours.SignallingClientEventMap, official.SignallingClientEventMap>,
  Stands<ours.MeteredPeerEventMap, RoomEvents>,
  Stands<ours.RemotePeerEventMap, official.RemotePeerEventMap>,
  Stands<ours.DataChannelEventMap, official.DataChannelEventMap>,

  // Options
  Stands<official.SignallingClientOptions, ours.SignallingClientOptions>,
  Stands<official.MeteredPeerOptions, ours.MeteredPeerOptions>,
  Stands<official.DataChannelOptions, ours.DataChannelOptions>,
  Stands<official.PublishOptions, ours.PublishOptions>,
  Stands<official.SendOptions, ours.SendOptions>,

  // Types that programs both read and write
  Same<ours.ChannelMessage, official.ChannelMessage>,
  Same<ours.DirectMessageEvent, official.DirectMessageEvent>,
  Same<ours.ErrorCode, official.ErrorCode>,
  Same<ours.GoingAwayEvent, official.GoingAwayEvent>,
  Same<ours.IceServerConfig, official.IceServerConfig>,
  Same<ours.JoinOptions, official.JoinOptions>,
  Same<ours.Logger, official.Logger>,
  Same<ours.LogLevel, official.LogLevel>,
  Same<ours.MeteredPeerState, official.MeteredPeerState>,
  Same<ours.PeerConnectionState, official.PeerConnectionState>,
  Same<ours.PresenceEvent, official.PresenceEvent>,
  Same<ours.PresencePeer, official.PresencePeer>,
  Same<ours.ReconnectOptions, official.ReconnectOptions>,
  Same<ours.RTCPeerConnectionLike, official.RTCPeerConnectionLike>,
  Same<ours.ServerErrorEvent, official.ServerErrorEvent>,
  Same<ours.SignallingClientState, official.SignallingClientState>,
  Same<ours.StreamMetadata, official.StreamMetadata>,
  Same<ours.SubscribeOptions, official.SubscribeOptions>,
  Same<ours.TokenProvider, official.TokenProvider>,
  Same<ours.WebSocketLike, official.WebSocketLike>,
  Same<ours.WelcomePayload, official.WelcomePayload>,
  Same<ours.WsCloseCode, official.WsCloseCode>,
];
