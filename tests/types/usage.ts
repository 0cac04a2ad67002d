// Every public member in use, as its documentation shows it. Compiled only.

import {
  AckTimeoutError, ConsoleLogger, DataChannel, DataChannelOverflowError, DataChannelOversizedError, DataChannelReadOverflowError,
  DataTrackStream, DisconnectedError, IceRestartExhaustedError, InternalError, LocalDataTrack, MeteredPeer, MeteredPeerOversizedError,
  MeteredPeerReplaceTrackError, MeteredPeerSendError, MeteredPeerStateError, NoopLogger, NotConnectedError,
  OversizedPayloadError, PushFrameError, ReconcileTimeoutError, RemoteDataTrack, RemotePeer, ServerRequestError, SignallingClient,
  SignallingConnectError, SubscribeDataTrackError, WsCloseCode,
} from "metered-realtime";
import type {
  ChannelMessage, DataChannelEventMap, DataChannelOptions, DataTrackFrame, DataTrackFrameInit, DataTrackInfo, DataTrackKeyOptions,
  DataTrackStreamEnd, DirectMessageEvent, Emitting, ErrorCode, EventStream, EventStreamOptions,
  Handler, IceServerConfig, JoinOptions, Logger, LogLevel, MeteredPeerEventMap, MeteredPeerOptions, MeteredPeerState,
  CandidateType, LocalDataTrackStats, MeteredPeerStats, OpenDataChannelOptions, PeerConnectionState, PresenceEvent, PresencePeer, PublishDataTrackOptions, ReconnectOptions, RemoteDataTrackStats, RemotePeerEventMap, RemotePeerStats, RTCDataChannelLike,
  ServerErrorEvent, SignallingClientEventMap, SignallingClientOptions, SignallingClientState, StreamMetadata, SubscribeDataTrackOptions, SubscribeOptions,
  TokenProvider, WebSocketLike,
} from "metered-realtime";

// ---- options

const reconnect: ReconnectOptions = { initialDelayMs: 500, multiplier: 2, maxDelayMs: 30_000, jitterRatio: 0.2, maxAttempts: Infinity };
const tokenProvider: TokenProvider = async () => (await fetch("/token")).text();
const logger: Partial<Logger> = { warn: (message: string, context?: Record<string, unknown>) => console.warn(message, context) };
const withKey: SignallingClientOptions = {
  apiKey: "pk_live_…", url: "wss://example.com", reconnect, logger, tokenProviderTimeoutMs: 5_000, inactivityTimeoutMs: 0,
  autoResubscribe: false, webSocketFactory: (url: string): WebSocketLike => new WebSocket(url),
};
const withTokens: MeteredPeerOptions = {
  tokenProvider, reconnect: false, logger: console, rtcPeerConnectionFactory: (config) => new RTCPeerConnection(config),
};
const levels: LogLevel[] = ["debug", "info", "warn", "error"];
for (const level of levels) ConsoleLogger[level]("message", { level });
NoopLogger.debug("nothing");

// ---- SignallingClient

export async function signalling(): Promise<void> {
  await using client = new SignallingClient(withKey);
  const state: SignallingClientState = client.state;
  const id: string | undefined = client.peerId;
  const shown: { state: SignallingClientState } = client.toJSON();
  client
    .on("connected", ({ peerId, serverTime, expiresAt, isReconnect, maxMessageSize, iceServers, resumed }) => {
      const servers: IceServerConfig[] | undefined = iceServers;
      const expiry: Date | undefined = expiresAt === null ? undefined : new Date(expiresAt * 1000);
      return void [peerId.length, serverTime + maxMessageSize, isReconnect && resumed, servers, expiry];
    })
    .once("disconnected", async ({ code, reason, willReconnect }) => {
      if (code === WsCloseCode.TokenExpired && !willReconnect) console.log(reason);
    })
    .on("state-change", ({ from, to }: { from: SignallingClientState; to: SignallingClientState }) => console.log(from, to))
    .on("message", ({ channel, from, fromMetadata, data }: ChannelMessage) => console.log(channel, from, fromMetadata?.["name"], data))
    .on("direct", ({ from, fromMetadata, data }: DirectMessageEvent) => console.log(from, fromMetadata, data))
    .on("presence", ({ channel, joined, left }: PresenceEvent) => {
      const all: PresencePeer[] = [...joined, ...left];
      console.log(channel, all.map(({ peerId, metadata }) => [peerId, metadata?.["role"]]));
    })
    .on("server-error", ({ code, message }: ServerErrorEvent) => console.log(code === "backend_error", message?.length))
    .on("going-away", ({ retryAfterMs }) => console.log(retryAfterMs + 1))
    .on("token-provider-error", ({ consecutiveFailures, err }) => console.log(consecutiveFailures + 1, err.message))
    .on("error", ({ err }: { err: InternalError }) => console.log(err.code, err.cause));
  const handler: Handler<SignallingClientEventMap["direct"]> = ({ data }) => console.log(data);
  client.on("direct", handler).off("direct", handler);
  const count: number = client.listenerCount("direct");
  client.removeAllListeners();

  await client.connect();
  const options: SubscribeOptions = { includeSenderMetadata: true };
  await client.subscribe("news", options);
  await client.publish("news", { any: ["json", null] });
  await client.send("peer-id", null);
  await client.unsubscribe("news");
  for await (const { data } of client.events("message", { maxSize: 16 })) {
    console.log(data, state, id, shown, count);
    break;
  }
  await client.close(1000, "done");
}

// ---- MeteredPeer, RemotePeer, DataChannel

export async function room(): Promise<void> {
  const peer = new MeteredPeer(withTokens);
  const options: JoinOptions = { includeSenderMetadata: true };
  peer
    .on("joined", ({ peerId, channel }) => console.log(peerId.length, channel.length))
    .on("left", ({ peerId, channel, reason }) => console.log(peerId?.length, channel?.length, reason?.length))
    .on("state-change", ({ from, to }: { from: MeteredPeerState; to: MeteredPeerState }) => console.log(from, to))
    .on("peer-joined", ({ peer: remote }) => meet(remote))
    .on("peer-left", ({ peer: remote }) => console.log(remote.id))
    .on("data", ({ senderPeerId, data, kind, senderMetadata }) => console.log(senderPeerId, data, kind === "broadcast", senderMetadata?.["x"]))
    .on("error", ({ err }: MeteredPeerEventMap["error"]) => console.log(err.name));
  await peer.join("room", { ...options, signal: AbortSignal.timeout(5_000) });
  const { signal } = new AbortController();
  await peer.send({ hello: "all" }, { signal });
  await peer.sendTo("peer-id", { hello: "you" }, { signal });
  const stats: MeteredPeerStats = await peer.getStats();
  for (const [id, { route, roundTripTimeMs, bytesSent, bytesReceived }] of stats.peers) {
    const kind: CandidateType | undefined = route;
    console.log(id, kind, roundTripTimeMs?.toFixed(), bytesSent + bytesReceived, stats.latencyMs?.toFixed());
  }
  const remotes: RemotePeer[] = peer.remotePeers;
  const one: RemotePeer | undefined = peer.remotePeer("peer-id");
  const { state, peerId, channel }: { state: MeteredPeerState; peerId: string | null; channel: string | null } = peer.toJSON();
  console.log(remotes.length, one === remotes[0], state === peer.state, peerId === peer.peerId, channel === peer.channel);
  await peer.close("bye");
  await peer[Symbol.asyncDispose]();
}

function meet(remote: RemotePeer): void {
  const state: PeerConnectionState = remote.state;
  const name: unknown = remote.metadata?.["name"];
  const pc: RTCPeerConnection = remote.pc;
  console.log(remote.id, state, name, remote.polite, pc.connectionState, remote.toJSON().id);
  remote
    .on("state-change", ({ to }: RemotePeerEventMap["state-change"]) => to === "connected" && talk(new DataChannel(remote.createDataChannel("chat"))))
    .on("data-channel", ({ channel }) => talk(new DataChannel(channel, { maxBufferedAmount: 1024 })))
    .on("negotiation-error", ({ err }) => console.log(err.message))
    .on("ice-candidate-error", ({ err }) => console.log(err.message))
    .on("connection-reset", () => talk(new DataChannel(remote.createDataChannel("chat", { ordered: false, maxRetransmits: 0 }))));
  void remote.send("hello", { signal: AbortSignal.timeout(1_000) });
  const lasting: OpenDataChannelOptions = { ordered: false, maxRetransmits: 0, maxQueuedSends: 16, maxMessageSize: 65_536, maxUnreadAmount: 1024, logger };
  talk(remote.openDataChannel("chat"));
  talk(remote.openDataChannel("game", lasting));
  void remote.getStats().then((stats: RemotePeerStats) => console.log(stats.localCandidateType, stats.remoteCandidateType, stats.protocol));
}

export async function call(peer: MeteredPeer, stream: MediaStream, screen: MediaStreamTrack): Promise<void> {
  const metadata: StreamMetadata = { role: "camera", label: "front", lens: 35 };
  peer.addStream(stream, metadata);
  peer.addTrack(screen);
  peer.addTrack(screen, stream, { role: "screen" });
  const [camera = screen] = stream.getVideoTracks();
  await peer.replaceTrack(camera, screen);
  await peer.replaceTrack(screen, null);
  console.log(peer.getTrackMetadata(screen)?.role, peer.getStreamMetadata(stream)?.["lens"]);
  peer.removeTrack(screen);
  peer.removeStream(stream);
  const shown = new Map<string, MediaStream>();
  for (const remote of peer.remotePeers) {
    remote
      .on("track", ({ track, streams, metadata: about }) => console.log(track.kind, streams[0]?.id, about?.label))
      .on("stream-added", ({ stream: theirs, metadata: about }) => shown.set(`${theirs.id} ${about?.role}`, theirs))
      .on("stream-removed", ({ stream: theirs }: RemotePeerEventMap["stream-removed"]) => shown.delete(theirs.id));
  }
}

export async function publishes(peer: MeteredPeer): Promise<void> {
  const rotation: DataTrackKeyOptions = { keyId: 1 };
  await peer.setDataTrackKey("a text that was agreed upon");
  await peer.setDataTrackKey(crypto.getRandomValues(new Uint8Array(32)), rotation);
  const options: PublishDataTrackOptions = { name: "pose", usesE2ee: true };
  const track: LocalDataTrack = peer.publishDataTrack(options);
  const { sid, name, usesE2ee }: DataTrackInfo = track.info;
  const frame: DataTrackFrameInit = { payload: Float32Array.of(1, 2), userTimestamp: BigInt(Date.now()) };
  try {
    if (track.isPublished()) track.tryPush(frame);
    track.tryPush({ payload: new ArrayBuffer(0) });
  } catch (error) {
    if (error instanceof PushFrameError && error.reason !== "too_fast") console.log(error.code, error.message);
  }
  const { framesPushed, framesSent, framesDropped, subscribers }: LocalDataTrackStats = track.stats;
  console.log(sid, name, usesE2ee, framesPushed - framesSent - framesDropped, subscribers, track.toJSON().isPublished);
  await track.unpublish();
}

export function reads(remote: RemotePeer): void {
  remote
    .on("data-track-published", ({ track }: RemotePeerEventMap["data-track-published"]) => void follow(track))
    .on("data-track-unpublished", ({ track }) => console.log(track.info.name, track.isPublished(), track.publisherIdentity))
    .on("data-track-error", ({ track, err }) => console.log(track.stats.framesUndecryptable, err.name));
  const pose: RemoteDataTrack | undefined = remote.dataTracks.get("pose");
  const { framesReceived, framesOverflowed, packetsLate, framesIncomplete }: RemoteDataTrackStats = pose?.stats ?? { framesReceived: 0, framesOverflowed: 0, packetsLate: 0, framesIncomplete: 0, framesUndecryptable: 0 };
  console.log(framesReceived + framesOverflowed + packetsLate + framesIncomplete, pose?.toJSON().publisherIdentity);
}

async function follow(track: RemoteDataTrack): Promise<void> {
  const options: SubscribeDataTrackOptions = { bufferSize: 1, signal: AbortSignal.timeout(5_000) };
  await using stream: DataTrackStream = track.subscribe(options);
  try {
    for await (const { payload, userTimestamp } of stream) console.log(payload.byteLength, userTimestamp?.toString());
    const frame: DataTrackFrame | null = await stream.read();
    const end: DataTrackStreamEnd | undefined = stream.endReason;
    console.log(frame?.payload[0], end === "unpublished");
  } catch (error) {
    if (error instanceof SubscribeDataTrackError) console.log(error.code, error.reason === "disconnected");
  }
  await track.subscribe().readable.pipeTo(new WritableStream<DataTrackFrame>({ write: ({ payload }) => console.log(payload) }));
  track.subscribe().close();
}

export async function disposable(): Promise<void> {
  await using room: MeteredPeer = await new MeteredPeer(withTokens).joined("room-42", { includeSenderMetadata: true });
  await room.send("hello");
}

function talk(dc: DataChannel): void {
  dc.on("open", async () => {
    await dc.send("text");
    await dc.send(new Uint8Array([1]));
    await dc.send(new ArrayBuffer(1));
    await dc.send(new Blob(["text"]));
    const full: boolean = !dc.trySend("text") || !dc.trySend(new DataView(new ArrayBuffer(1)));
    dc.bufferedAmountLowThreshold = full ? dc.bufferedAmountLowThreshold * 2 : dc.maxMessageSize;
    const numbers: (number | null)[] = [dc.id, dc.maxPacketLifeTime, dc.maxRetransmits];
    console.log(numbers, dc.ordered || dc.negotiated, dc.protocol.length);
    await new Blob(["a file"]).stream().pipeTo(dc.writable);
    const parts: BlobPart[] = [];
    for await (const part of dc.readable) parts.push(part);
  });
  dc.on("message", ({ data }) => console.log(typeof data === "string" ? data.length : data.byteLength));
  dc.on("error", ({ err }: DataChannelEventMap["error"]) => console.log(err.message));
  dc.once("close", () => console.log(dc.label, dc.readyState === "closed", dc.bufferedAmount + 1));
  dc.on("bufferedamountlow", () => dc.close());
}

export const wrapsAnythingAlike = (channel: RTCDataChannelLike, options: DataChannelOptions): DataChannel => new DataChannel(channel, options);

export async function emits(emitting: Emitting<MeteredPeerEventMap> = new MeteredPeer(withTokens)): Promise<unknown> {
  const options: EventStreamOptions = { maxSize: 1 };
  await using errors: EventStream<{ err: Error }> = emitting.events("error", options);
  const heard: boolean = emitting.emit("error", { err: new Error("one's own") });
  const { value, done } = await errors.next();
  return done ? heard : value.err;
}

// ---- errors

export function explain(error: unknown): string {
  if (error instanceof SignallingConnectError) return `${error.closeCode} ${error.closeReason}`;
  if (error instanceof ServerRequestError) {
    const known: ErrorCode = "peer_not_found";
    return `${error.code === known} ${error.code} ${error.requestId} ${error.serverMessage}`;
  }
  if (error instanceof NotConnectedError || error instanceof DisconnectedError) return error.code;
  if (error instanceof AckTimeoutError) return `${error.code} ${error.requestId} ${error.timeoutMs + 1}`;
  if (error instanceof OversizedPayloadError || error instanceof MeteredPeerOversizedError) return `${error.size - error.cap} ${error.code}`;
  if (error instanceof MeteredPeerSendError) return error.code === "self_send" ? "me" : error.code;
  if (error instanceof MeteredPeerStateError) return `${error.code} ${error.method} ${error.currentState}`;
  if (error instanceof MeteredPeerReplaceTrackError) {
    return [...error.succeeded, ...error.failed.map(({ peerId, err }) => `${peerId}: ${err.message}`)].join();
  }
  if (error instanceof IceRestartExhaustedError || error instanceof ReconcileTimeoutError) return error.code;
  if (error instanceof DataChannelOversizedError) return `${error.size - error.cap}: ${error.code}`;
  if (error instanceof DataChannelReadOverflowError) return `${error.cap}: ${error.code}`;
  if (error instanceof DataChannelOverflowError) return `${error.queued} of ${error.cap}: ${error.code}`;
  return error instanceof Error ? error.stack ?? error.message : "?";
}

const close: WsCloseCode = WsCloseCode.AdminDisconnect;
export const codes: readonly number[] = [close, ...Object.values(WsCloseCode)];
