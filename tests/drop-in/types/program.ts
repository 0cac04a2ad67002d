// A program for the official SDK. It is compiled as it is, and once more with this package in the official one's place.

import {
  ConsoleLogger, DataChannel, DataChannelOverflowError, MeteredPeer, MeteredPeerOversizedError,
  MeteredPeerReplaceTrackError, MeteredPeerSendError,
  MeteredPeerStateError, NoopLogger, OversizedPayloadError, RemotePeer, SignallingClient, SignallingConnectError, WsCloseCode,
  WsCloseCodeValue,
} from "@metered-ca/realtime";
import type {
  ChannelMessage, DataChannelEventMap, DataChannelOptions, DirectMessageEvent, ErrorCode, GoingAwayEvent, IceServerConfig,
  JoinOptions, Logger, LogLevel, MeteredPeerEventMap, MeteredPeerOptions, MeteredPeerState, PeerConnectionState, PresenceEvent,
  PresencePeer, PublishOptions, ReconnectOptions, RemotePeerEventMap, RTCPeerConnectionLike, SendOptions, ServerErrorEvent,
  SignallingClientEventMap, SignallingClientOptions, SignallingClientState, StreamMetadata, SubscribeOptions, TokenProvider,
  WebSocketLike, WelcomePayload,
} from "@metered-ca/realtime";

// ---- options

const lines: [LogLevel, string][] = [];
const logger: Logger = {
  debug: (message) => lines.push(["debug", message]),
  info: (message) => lines.push(["info", message]),
  warn: (message, context) => ConsoleLogger.warn(message, context),
  error: (message) => NoopLogger.error(message),
};

const mint: TokenProvider = async () => (await fetch("/token")).text();
const timed: TokenProvider = () => mint().then((token) => token.trim());

const reconnect: ReconnectOptions = { initialDelayMs: 1, multiplier: 1, maxDelayMs: 1, jitterRatio: 0, maxAttempts: 3 };
const openSocket = (url: string): WebSocketLike => new WebSocket(url);
const options: SignallingClientOptions = {
  tokenProvider: timed, url: "wss://example.com", tokenProviderTimeoutMs: 1_000, logger, reconnect,
  inactivityTimeoutMs: 30_000, autoResubscribe: true, webSocketFactory: openSocket,
};
const roomOptions: MeteredPeerOptions = {
  apiKey: "pk_live_…", reconnect: false, logger: console,
  rtcPeerConnectionFactory: (config): RTCPeerConnectionLike => new RTCPeerConnection(config),
};

// ---- a chat over SignallingClient

export class Chat {
  private readonly roster = new Map<string, PresencePeer>();
  private readonly history: (ChannelMessage | DirectMessageEvent)[] = [];
  private servers: IceServerConfig[] = [];

  constructor(private readonly client: SignallingClient = new SignallingClient(options)) {
    client
      .on("connected", this.welcome)
      .on("disconnected", ({ code, reason, willReconnect }) => this.lost(code, reason, willReconnect))
      .on("state-change", ({ from, to }: { from: SignallingClientState; to: SignallingClientState }) => console.log(from, to))
      .on("message", (message) => this.history.push(message))
      .on("direct", (message: DirectMessageEvent) => this.history.push(message))
      .on("presence", (event: PresenceEvent) => this.update(event))
      .on("server-error", this.complain)
      .on("going-away", ({ retryAfterMs }: GoingAwayEvent) => setTimeout(() => this.history.splice(0), retryAfterMs))
      .once("token-provider-error", ({ consecutiveFailures, err }) => console.error(consecutiveFailures, err.message));
  }

  async enter(channel: string): Promise<boolean> {
    const subscription: SubscribeOptions = { includeSenderMetadata: true };
    const none: PublishOptions & SendOptions = {};
    try {
      if (this.client.state === "idle" || this.client.state === "closed") await this.client.connect();
      await this.client.subscribe(channel, subscription);
      await this.client.publish(channel, { text: "hello" }, none);
      for (const peer of this.roster.keys()) await this.client.send(peer, { text: "hello you" }, none);
      return true;
    } catch (error) {
      if (error instanceof SignallingConnectError && error.closeCode === WsCloseCode.InvalidToken) return false;
      if (error instanceof OversizedPayloadError) console.log(`${error.size} of ${error.cap}`);
      const code: ErrorCode = "channel_not_authorized";
      if (error instanceof Error && error.name === code) return false;
      throw error;
    } finally {
      await this.client.unsubscribe(channel);
    }
  }

  async leave(): Promise<void> {
    this.client.off("connected", this.welcome).off("server-error", this.complain);
    await this.client.close(1000, "bye");
  }

  private readonly welcome = ({ peerId, serverTime, expiresAt, isReconnect, maxMessageSize, iceServers }: SignallingClientEventMap["connected"]): void => {
    this.servers = iceServers ?? [];
    console.log(peerId.length, expiresAt === null ? Infinity : expiresAt - serverTime, isReconnect, maxMessageSize);
  };

  private readonly complain = ({ requestId, code, message }: ServerErrorEvent): void => {
    console.warn(requestId?.length, code === "over_message_quota", code.length, message);
  };

  private lost(code: number, reason: string, willReconnect: boolean): void {
    const fatal: WsCloseCode[] = [WsCloseCodeValue.AccountSuspended, WsCloseCode.AdminDisconnect];
    if (!willReconnect && fatal.some((other) => other === code)) console.error(reason, this.servers);
  }

  private update({ joined, left }: PresenceEvent): void {
    for (const peer of joined) this.roster.set(peer.peerId, peer);
    for (const { peerId } of left) this.roster.delete(peerId);
  }
}

// ---- a room

export const explanations: Record<ErrorCode, string> = {
  malformed_message: "?", unknown_type: "?", invalid_channel: "?", invalid_peer_id: "?", channel_not_authorized: "no", channel_reserved: "no",
  channel_limit_exceeded: "many", peer_not_found: "gone", missing_data: "?", action_not_permitted: "no", over_message_quota: "much",
};

export async function room(channel: string): Promise<void> {
  const peer = new MeteredPeer(roomOptions);
  const connections = new Map<string, RTCPeerConnectionLike>();
  const meet = (remote: RemotePeer): void => {
    const name: unknown = remote.metadata?.["name"];
    const { id, state }: { id: string; state: PeerConnectionState } = remote.toJSON();
    connections.set(id, remote.pc);
    console.log(name, state === remote.state, remote.polite);
    remote
      .on("state-change", ({ from, to }: RemotePeerEventMap["state-change"]) => console.log(from, to))
      .on("data-channel", ({ channel: incoming }) => talk(new DataChannel(incoming)))
      .on("negotiation-error", ({ err }) => err.name === "IceRestartExhaustedError" && peer.close())
      .on("ice-candidate-error", ({ err }) => console.warn(err.message))
      .on("connection-reset", () => talk(new DataChannel(remote.pc.createDataChannel("chat"))));
    void remote.send({ hello: true });
  };
  peer
    .on("joined", ({ peerId, channel: joined }) => console.log(peerId, joined))
    .on("left", ({ peerId, channel: left, reason }) => console.log(peerId ?? "nobody", left ?? "nowhere", reason))
    .on("state-change", ({ from, to }: { from: MeteredPeerState; to: MeteredPeerState }) => console.log(from, to))
    .on("peer-joined", ({ peer: remote }) => meet(remote))
    .once("peer-left", ({ peer: remote }) => connections.delete(remote.id))
    .on("data", ({ senderPeerId, data, kind, senderMetadata }: MeteredPeerEventMap["data"]) => console.log(senderPeerId, data, kind, senderMetadata?.["x"]))
    .on("error", async ({ err }) => console.error(err.name));
  const join: JoinOptions = { includeSenderMetadata: true };
  try {
    await peer.join(channel, join);
    await peer.send([1, null, "x"]);
    for (const { id } of peer.remotePeers) await peer.sendTo(id, { to: id });
  } catch (error) {
    if (error instanceof MeteredPeerOversizedError) console.log(error.size > error.cap, error.name === "MeteredPeerOversizedError");
    else if (error instanceof MeteredPeerSendError) console.log(error.code === "not_joined" ? "join first" : error.code);
    else if (error instanceof MeteredPeerStateError) console.log(error.method, error.currentState, error.code === "invalid_state");
    else throw error;
  }
  const shown: { state: MeteredPeerState; peerId: string | null; channel: string | null } = peer.toJSON();
  console.log(shown, peer.state, peer.peerId, peer.channel, peer.listenerCount("data"));
  peer.emit("error", { err: new Error("an application's own") });
  peer.removeAllListeners();
  await peer.close("done");
}

// ---- media

export const camera: StreamMetadata = { role: "camera", label: "front", lens: 35 };

export class Tiles {
  private readonly streams = new Map<string, MediaStream>();

  constructor(private readonly peer: MeteredPeer, private readonly own: MediaStream) {
    peer.addStream(own, camera);
    peer.on("peer-joined", ({ peer: remote }) => this.watch(remote));
  }

  async show(screen: MediaStreamTrack): Promise<string[]> {
    const [video] = this.own.getVideoTracks();
    if (video === undefined) {
      this.peer.addTrack(screen, this.own, { role: "screen" });
      return [];
    }
    try {
      await this.peer.replaceTrack(video, screen);
      return [];
    } catch (error) {
      if (!(error instanceof MeteredPeerReplaceTrackError)) throw error;
      const { succeeded, failed } = error;
      for (const { peerId, err } of failed) console.warn(peerId, err.message, succeeded.length);
      return failed.map(({ peerId }) => peerId);
    }
  }

  async stop(): Promise<void> {
    for (const track of this.own.getTracks()) {
      const metadata: StreamMetadata | undefined = this.peer.getTrackMetadata(track);
      if (metadata?.role === "screen") this.peer.removeTrack(track);
      else await this.peer.replaceTrack(track, null);
    }
    console.log(this.peer.getStreamMetadata(this.own)?.label);
    this.peer.removeStream(this.own);
  }

  private watch(remote: RemotePeer): void {
    remote
      .on("track", ({ track, streams, metadata }) => console.log(track.kind, streams.length, metadata?.["lens"]))
      .on("stream-added", ({ stream, metadata }: RemotePeerEventMap["stream-added"]) => this.streams.set(`${stream.id} ${metadata?.role}`, stream))
      .on("stream-removed", ({ stream }) => this.streams.delete(stream.id));
  }

  static explain(error: unknown): string {
    return error instanceof MeteredPeerStateError && error.code === "track_already_attached" ? error.method : "";
  }
}

// ---- a data channel

const channelOptions: DataChannelOptions = {
  maxBufferedAmount: 1024, bufferedAmountLowThreshold: 512, maxQueuedSends: 8, logger: { warn: (message) => console.warn(message) },
};

export function talk(dc: DataChannel): void {
  dc.on("open", () => send(dc, new Uint8Array([1]).buffer)).once("close", () => console.log(dc.label, dc.readyState, dc.bufferedAmount));
  dc.on("message", ({ data }: DataChannelEventMap["message"]) => console.log(typeof data === "string" ? data.length : data.byteLength));
  dc.on("error", ({ err }) => console.error(err));
}

async function send(dc: DataChannel, data: string | ArrayBuffer): Promise<void> {
  try {
    await dc.send(data);
  } catch (error) {
    if (error instanceof DataChannelOverflowError) console.log(`${error.queued} of ${error.cap}`, error.name === "DataChannelOverflowError");
    dc.close();
  }
}

export const wrap = (channel: RTCDataChannel): DataChannel => new DataChannel(channel, channelOptions);

// ---- types that an application may use for its own ends

export const welcome = ({ peerId, expiresAt, serverTime, maxMessageSize, metadata }: WelcomePayload): unknown[] =>
  [peerId, expiresAt, serverTime, maxMessageSize, metadata?.["iceServers"]];
