/**
 * Real-time rooms for web apps and bots.
 *
 * A {@link MeteredPeer} joins a channel and has a WebRTC connection to everybody in it; a {@link SignallingClient}
 * is the layer below, publish/subscribe and direct messages over one WebSocket. Both keep themselves connected.
 *
 * Durations are milliseconds, sizes are bytes. Handlers may be synchronous or asynchronous; one that throws or
 * rejects is reported to the logger and disturbs nobody.
 */

// ---------------------------------------------------------------------------------------------- events

/** A function that is called with an event's payload. What it answers is ignored, unless it is a promise that rejects. */
export type Handler<P> = (payload: P) => unknown;

/** Registration of event handlers, common to every class with events. */
export interface Emitting<Events> {
  /**
   * Adds a handler. Handlers run in the order they were added; one that is added or removed while an event is told counts
   * from the next event on. More than 100 of one event are worth a warning to the logger.
   * @throws `TypeError` if it is no function.
   */
  on<K extends keyof Events>(event: K, handler: Handler<Events[K]>): this;
  /** Adds a handler that is removed before it runs for the first time. */
  once<K extends keyof Events>(event: K, handler: Handler<Events[K]>): this;
  /** Removes the first registration of a handler, also one of `once`. Does nothing if there is none. */
  off<K extends keyof Events>(event: K, handler: Handler<Events[K]>): this;
  /**
   * The events of one name from now on, one after the other. It ends, after what was not taken yet, when nothing can be
   * emitted any more; of an object that is closed already it is empty.
   * @throws `TypeError` for a `maxSize` that is no number >= 0.
   */
  events<K extends keyof Events>(event: K, options?: EventStreamOptions): EventStream<Events[K]>;
  /**
   * Calls the handlers of an event now, for adapters and tests: nobody else hears of it.
   * @returns whether there was a handler.
   */
  emit<K extends keyof Events>(event: K, payload: Events[K]): boolean;
  /** How many handlers an event has. */
  listenerCount<K extends keyof Events>(event: K): number;
  /** Removes every handler of every event, and ends what `events()` has given. */
  removeAllListeners(): this;
}

/** Options of {@link Emitting.events}. */
export interface EventStreamOptions {
  /** Most events that wait to be taken; the oldest is dropped beyond that. Default 4096; 0 for no bound. */
  maxSize?: number;
}

/** Events one after the other: for `for await`, for `await using`, or to be taken with `next()`. */
export interface EventStream<P> extends AsyncIterableIterator<P> {
  /** The next event, for each call another one. */
  next(): Promise<IteratorResult<P, undefined>>;
  /** Ends the stream and drops what was not taken; a `next()` that waits is told so. Leaving a loop calls it. */
  return(value?: undefined): Promise<IteratorReturnResult<undefined>>;
  /** Ends the stream as `return()` does, and rejects with `error`. */
  throw(error?: unknown): Promise<never>;
  /** Ends the stream. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- logging

/** Severity of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where log lines go. `console` is one. Credentials are never logged. */
export interface Logger {
  /** What only a developer of the package wants to know. */
  debug(message: string, context?: Record<string, unknown>): void;
  /** What happens in the ordinary course: changes of state, connections that are closed. */
  info(message: string, context?: Record<string, unknown>): void;
  /** What is not as it should be, and is coped with. */
  warn(message: string, context?: Record<string, unknown>): void;
  /** What the application should know of: a handler of its own that failed. */
  error(message: string, context?: Record<string, unknown>): void;
}

// ---------------------------------------------------------------------------------------------- options

/**
 * Gives a token (a JWT) for each connect and reconnect. An error, an empty string, or no answer within
 * `tokenProviderTimeoutMs` counts as a failure.
 */
export type TokenProvider = () => Promise<string>;

/** How a client comes back after a drop: `min(initialDelayMs × multiplier^(attempt − 1), maxDelayMs) ± jitterRatio`. */
export interface ReconnectOptions {
  /** Delay before the first attempt. Default 500. */
  initialDelayMs?: number;
  /** Growth per attempt, at least 1. Default 2. */
  multiplier?: number;
  /** Longest delay. Default 30 000. */
  maxDelayMs?: number;
  /** Random share of the delay, 0 to 1, both ways. Default 0.2. */
  jitterRatio?: number;
  /** Consecutive failures after which the client gives up and closes. Default 100; `Infinity` never does. */
  maxAttempts?: number;
}

/** Options of a {@link SignallingClient}. A bad value throws a `TypeError` from the constructor. */
export interface SignallingClientOptions {
  /** A publishable key. Exactly one of `apiKey` and `tokenProvider` is required. */
  apiKey?: string;
  /** A source of tokens, which may also answer at once. Exactly one of `apiKey` and `tokenProvider` is required. */
  tokenProvider?: () => ReturnType<TokenProvider> | string;
  /**
   * The server's origin: `wss://host[:port]`, or `ws://` for localhost, 127.0.0.1 and [::1]. No path, query or
   * fragment. Default `wss://rms.metered.ca`.
   */
  url?: string;
  /** How long `tokenProvider` may take: a finite number above 0. Default 10 000. */
  tokenProviderTimeoutMs?: number;
  /** Where log lines go. Default: nowhere. */
  logger?: Partial<Logger>;
  /** How to come back after a drop; `false` never does. */
  reconnect?: ReconnectOptions | false;
  /**
   * A connection that is silent for so long is given up and opened again; a keepalive goes out after a third of
   * it. 0 and `Infinity` switch both off. Default 60 000.
   */
  inactivityTimeoutMs?: number;
  /**
   * How long before its token expires the connection is replaced by one with a fresh token, so that the server does not
   * close it with 4002; 0 never does. At most half of what the token has left. The provider is asked while the
   * connection goes on, and the connection is replaced when no request waits for its answer. Default 30 000.
   */
  refreshBeforeExpiryMs?: number;
  /** Whether subscriptions are renewed after a reconnect. Default true. */
  autoResubscribe?: boolean;
  /**
   * Opens a WebSocket to a URL. Default: the platform's `WebSocket`, in Node without one that of the package
   * `ws`. The URL carries the credential.
   */
  webSocketFactory?: (url: string) => WebSocketLike;
}

/** The part of `WebSocket` that is used. */
export interface WebSocketLike {
  /** 0 while it connects, 1 open, 2 closing, 3 closed. */
  readyState: number;
  /** Sends one text frame. May throw, if it is not open. */
  send(data: string): void;
  /** Closes it: with 1000, or with a code from 3000 to 4999, and a reason of at most 123 bytes. */
  close(code?: number, reason?: string): void;
  /** Adds a listener. A `message` has the text as `data`, a `close` has `code` and `reason`. */
  addEventListener(type: "open" | "close" | "message" | "error", listener: (event: unknown) => void): void;
  /** Removes a listener. */
  removeEventListener(type: "open" | "close" | "message" | "error", listener: (event: unknown) => void): void;
}

/** Options of every call that waits for the server. */
export interface CallOptions {
  /**
   * Stops the waiting: the call is rejected with the signal's reason. What was sent by then stays sent, and may take
   * effect. An attempt to connect is given up, and the client is `closed`; a join is given up, and the peer is `idle`.
   */
  signal?: AbortSignal;
}

/** Options of {@link SignallingClient.subscribe}. */
export interface SubscribeOptions extends CallOptions {
  /** Whether messages of this channel shall carry their senders' metadata. Default false. */
  includeSenderMetadata?: boolean;
}

/** Options of {@link SignallingClient.publish}. */
export interface PublishOptions extends CallOptions {}

/** Options of {@link SignallingClient.send}. */
export interface SendOptions extends CallOptions {}

/** An ICE server, as `RTCPeerConnection` takes it. */
export interface IceServerConfig {
  /** `stun:`, `turn:` or `turns:` addresses. */
  urls: string | string[];
  /** The name for a TURN server. */
  username?: string;
  /** The password for a TURN server. Never logged. */
  credential?: string;
}

// ---------------------------------------------------------------------------------------------- SignallingClient

/**
 * `idle` until `connect()`; `connecting` until the first welcome; `connected`; `reconnecting` after a drop; `closed`
 * after `close()`, a failed first attempt, or a drop that allows no retry.
 */
export type SignallingClientState = "idle" | "connecting" | "connected" | "reconnecting" | "closed";

/** A peer of a {@link PresenceEvent}. */
export interface PresencePeer {
  /** Its peer id, stamped by the server. */
  peerId: string;
  /** The peer's public metadata from its token. Untrusted input. */
  metadata?: Record<string, unknown>;
}

/** Who is in a channel. The first after each subscribe lists everybody, later ones what changed. */
export interface PresenceEvent {
  /** The channel. */
  channel: string;
  /** Who is there now and was not before. */
  joined: PresencePeer[];
  /** Who was there and is not any more. */
  left: PresencePeer[];
}

/** A message that was published to a subscribed channel. */
export interface ChannelMessage {
  /** The channel that it was published to. */
  channel: string;
  /** The sender's peer id, stamped by the server. */
  from: string;
  /** The sender's metadata, if the subscription asked for it. */
  fromMetadata?: Record<string, unknown>;
  /** What was published, a JSON value. Untrusted input. */
  data: unknown;
}

/** A message that was sent to this client alone. */
export interface DirectMessageEvent {
  /** The sender's peer id, stamped by the server. */
  from: string;
  /** The sender's metadata, if it has any. */
  fromMetadata?: Record<string, unknown>;
  /** What was sent, a JSON value. Untrusted input. */
  data: unknown;
}

/** An error of the server that answers no request of this client. */
export interface ServerErrorEvent {
  /** The request that the server names; none of this client's waits for it any more. */
  requestId?: string;
  /** What is wrong. */
  code: ServerErrorCode;
  /** The server's words. Untrusted input. */
  message?: string;
}

/** The server is about to close the connection. */
export interface GoingAwayEvent {
  /** When the server expects to be back, in milliseconds. The client keeps to its own backoff. */
  retryAfterMs: number;
}

/** What the server says first, as it crosses the wire. The event `connected` has what there is to know of it. */
export interface WelcomePayload {
  /** Our peer id. */
  peerId: string;
  /** When the token expires, in Unix seconds; `null` for keys. */
  expiresAt: number | null;
  /** The server's clock, in Unix seconds. */
  serverTime: number;
  /** The longest message that the server takes, in bytes. */
  maxMessageSize: number;
  /** What the token carries for its owner; `iceServers` by convention. */
  metadata?: Record<string, unknown>;
}

/** The codes of a request's refusal. */
export type ErrorCode =
  | "malformed_message" | "unknown_type" | "invalid_channel" | "invalid_peer_id" | "channel_not_authorized"
  | "channel_reserved" | "channel_limit_exceeded" | "peer_not_found" | "missing_data" | "action_not_permitted"
  | "over_message_quota";

/** A code of a server's error: the known ones, those of a server's own trouble, and what later servers may say. */
export type ServerErrorCode = ErrorCode | "backend_error" | "internal_error" | (string & {});

/** The events of a {@link SignallingClient}. */
export interface SignallingClientEventMap {
  /** The server welcomed this client, at the first connect and at every reconnect. */
  connected: {
    /** Our peer id. A publishable key gets another at each reconnect that does not resume. */
    peerId: string;
    /** The server's clock, in Unix seconds. */
    serverTime: number;
    /** When the token expires, in Unix seconds; `null` for keys. */
    expiresAt: number | null;
    /** Whether it is a welcome after a drop. */
    isReconnect: boolean;
    /** The longest message that the server takes, in bytes. */
    maxMessageSize: number;
    /** ICE servers from the token's metadata. */
    iceServers?: IceServerConfig[];
    /** Whether the server continued the session, so that nothing was missed. */
    resumed: boolean;
  };
  /**
   * A connection closed, after the first success; with `willReconnect` false also the one that `close()` closes. The
   * code is 4002 with the reason `token refresh` when the client itself replaces a connection whose token expires.
   */
  disconnected: {
    /** The WebSocket's close code: one of {@link WsCloseCode}, 1000, 1006 without any, or one of `close()`. */
    code: number;
    /** What the server says of it, or `close()` said. Untrusted input. */
    reason: string;
    /** Whether the client comes back by itself. */
    willReconnect: boolean;
  };
  /** The state is another one. */
  "state-change": {
    /** The state before. */
    from: SignallingClientState;
    /** The state now. */
    to: SignallingClientState;
  };
  /** A message was published to a channel that we are subscribed to. */
  message: ChannelMessage;
  /** A message was sent to us alone. */
  direct: DirectMessageEvent;
  /** Who is in a channel that we are subscribed to. */
  presence: PresenceEvent;
  /** The server complains of something that no call waits for. */
  "server-error": ServerErrorEvent;
  /** The server will close the connection soon; the client comes back by itself. */
  "going-away": GoingAwayEvent;
  /** The token provider failed three times in a row, or more. The client keeps trying. */
  "token-provider-error": {
    /** How often in a row: 3 or more. */
    consecutiveFailures: number;
    /** What the provider threw, or an `Error` named `TokenProviderError` for no token or no answer in time. */
    err: Error;
  };
  /**
   * The core has failed, for this client and every other one that was made with it: all are `closed` now. Nothing else
   * fires this event. When nobody at all listens, the error is an uncaught exception.
   */
  error: {
    /** The same error for all. */
    err: InternalError;
  };
}

export interface SignallingClient extends Emitting<SignallingClientEventMap> {}

/** Publish/subscribe and direct messages over one WebSocket that keeps itself connected. */
export class SignallingClient {
  /** Checks the options. Nothing connects yet. */
  constructor(options: SignallingClientOptions);
  /** Where it is in its life; `state-change` tells each change. */
  readonly state: SignallingClientState;
  /** Our peer id, once welcomed. */
  readonly peerId: string | undefined;
  /**
   * The latest round trip to the server in milliseconds, of a keepalive or of a request and its answer. Undefined before
   * the first.
   */
  readonly latencyMs: number | undefined;
  /**
   * Opens the connection; resolves with the server's welcome, at most 10 s later. Only in `idle` and `closed`.
   * @throws SignallingConnectError if the connection closes before the welcome; what `tokenProvider` threw; an error
   *   named `SignallingError` in any other state; the reason of an aborted `signal`.
   */
  connect(options?: CallOptions): Promise<void>;
  /**
   * Closes the connection for good and forgets all subscriptions; resolves when it is closed, at most 1 s later. What
   * still waits for an answer is rejected with `DisconnectedError`. Can be repeated, and `connect()` works again.
   * @param code WebSocket close code: 1000, or from 3000 to 4999. Default 1000.
   * @param reason At most 123 bytes of UTF-8.
   * @throws `TypeError` for a code or a reason that is none.
   */
  close(code?: number, reason?: string): Promise<void>;
  /**
   * Subscribes to a channel; resolves with the server's answer. The subscription is remembered before the request
   * leaves and renewed, with its latest options, after each reconnect; one that the server refuses is not, even if the
   * call was rejected with `AckTimeoutError` before.
   * @throws NotConnectedError, ServerRequestError, AckTimeoutError, DisconnectedError; `TypeError` for a bad name.
   */
  subscribe(channel: string, options?: SubscribeOptions): Promise<void>;
  /**
   * Gives a channel up; resolves with the server's answer. Fails as `subscribe` does, but then too the subscription is
   * not renewed.
   */
  unsubscribe(channel: string, options?: CallOptions): Promise<void>;
  /**
   * Sends a JSON value to every other subscriber of a channel; resolves with the server's answer.
   * @throws OversizedPayloadError before sending; `TypeError` for what JSON cannot carry; otherwise as `subscribe`.
   */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<void>;
  /** Sends a JSON value to one peer; resolves with the server's answer. Fails as `publish` does. */
  send(peerId: string, data: unknown, options?: SendOptions): Promise<void>;
  /** What `JSON.stringify` shows: the state, and no credential. */
  toJSON(): Pick<SignallingClient, "state">;
  /** Closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- MeteredPeer

/** Options of a {@link MeteredPeer}. */
export interface MeteredPeerOptions extends SignallingClientOptions {
  /**
   * Constructs an `RTCPeerConnection`. Default: the platform's, in Node that of the package `@roamhq/wrtc`. ICE
   * servers from the token's metadata are in `config`.
   *
   * It must fire `negotiationneeded` and know the rollback of an offer. `node-datachannel/polyfill` has neither, and can
   * only answer: a channel that is created on it does not open, which a `negotiation-error` says.
   */
  rtcPeerConnectionFactory?: (config: RTCConfiguration) => RTCPeerConnectionLike;
  /** A room is entered again after each reconnect: `false` is a `TypeError`. Default true. */
  autoResubscribe?: boolean;
}

/** What a connection of one's own must have to be used as an `RTCPeerConnection`. The platform's has it. */
export interface RTCPeerConnectionLike {
  /** Read at each `connectionstatechange`. */
  readonly connectionState: RTCPeerConnectionState;
  /** Read at each `signalingstatechange`. */
  readonly signalingState: RTCSignalingState;
  /** Read at each `iceconnectionstatechange`: some stacks tell a failure here only. */
  readonly iceConnectionState: RTCIceConnectionState;
  /** Our side of the last negotiation. */
  readonly localDescription: RTCSessionDescription | null;
  /** The other's side of the last negotiation. */
  readonly remoteDescription: RTCSessionDescription | null;
  /** Called with `iceRestart`, or without options. */
  createOffer(options?: RTCOfferOptions): Promise<RTCSessionDescriptionInit>;
  /** Called without options. */
  createAnswer(options?: RTCAnswerOptions): Promise<RTCSessionDescriptionInit>;
  /** Called with what was created, or with a rollback. */
  setLocalDescription(description?: RTCSessionDescriptionInit): Promise<void>;
  /** Called with the other's offer or answer. */
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void>;
  /** Called with a candidate of the other; without one at their end. */
  addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void>;
  /** Called for each track that is sent, at most with one stream. */
  addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): RTCRtpSender;
  /** Called for a track that is not sent any more. */
  removeTrack(sender: RTCRtpSender): void;
  /** What `addTrack` has answered so far. */
  getSenders(): RTCRtpSender[];
  /** Called for the application's channels, and for those of data tracks. */
  createDataChannel(label: string, init?: RTCDataChannelInit): RTCDataChannel;
  /** Called when there are other ICE servers. */
  setConfiguration(configuration?: RTCConfiguration): void;
  /** Adds a listener. The events are those of `RTCPeerConnection`, `negotiationneeded` among them. */
  addEventListener(type: string, listener: (event: unknown) => void): void;
  /** Removes a listener. */
  removeEventListener(type: string, listener: (event: unknown) => void): void;
  /** Called once, when the connection is not needed any more. */
  close(): void;
}

/** What the sender of a track or a stream says about it. Untrusted input. */
export interface StreamMetadata {
  /** What it shows or what it is for: "camera", "screen", or a word of the application's. */
  role?: string;
  /** Its name for people. */
  label?: string;
  /** Whatever else the application wants to tell. */
  [key: string]: unknown;
}

/** Options of {@link MeteredPeer.join} and {@link MeteredPeer.joined}. */
export interface JoinOptions extends CallOptions {
  /** Whether broadcasts shall carry their senders' metadata. Default false. */
  includeSenderMetadata?: boolean;
}

/**
 * `idle` until `join()`; `joining`; `joined`; `reconnecting` after a drop of the signalling connection; `leaving` while
 * `close()` runs; `closed` at the end.
 */
export type MeteredPeerState = "idle" | "joining" | "joined" | "reconnecting" | "leaving" | "closed";

/** The events of a {@link MeteredPeer}. */
export interface MeteredPeerEventMap {
  /** We are in the channel. `peer-joined` follows for everybody who is there already. */
  joined: {
    /** Our peer id. */
    peerId: string;
    /** The channel that we are in. */
    channel: string;
  };
  /** We are out for good: by `close()`, or because the server allows no retry. */
  left: {
    /** The peer id that we had; `null` if we never had one. */
    peerId: string | null;
    /** The channel that we were in; `null` if we were in none. */
    channel: string | null;
    /** What `close()` was given, or the server said. Untrusted input. */
    reason?: string;
  };
  /** The state is another one. */
  "state-change": {
    /** The state before. */
    from: MeteredPeerState;
    /** The state now. */
    to: MeteredPeerState;
  };
  /** Somebody is in the channel: open data channels to them here. */
  "peer-joined": {
    /** One object for as long as they stay. */
    peer: RemotePeer;
  };
  /** Somebody left the channel. */
  "peer-left": {
    /** The object that `peer-joined` gave. */
    peer: RemotePeer;
  };
  /** A payload by way of the server, to everybody (`send`) or to us (`sendTo`, `RemotePeer.send`). */
  data: {
    /** The sender's peer id, stamped by the server. */
    senderPeerId: string;
    /** What was sent, a JSON value. Untrusted input. */
    data: unknown;
    /** Whether it was sent to everybody or to us. */
    kind: "broadcast" | "direct";
    /** The sender's metadata, if `includeSenderMetadata` was asked for or it was sent to us. Untrusted input. */
    senderMetadata?: Record<string, unknown>;
  };
  /**
   * Something the application must react to; `err.name` says what: `invalid_token`, `channel_not_authorized`,
   * `account_suspended` or `admin_disconnect` when the server has closed the connection for good, the server's code when
   * it refuses something unasked, `TokenProviderError` when the token provider keeps failing, `ReconcileTimeoutError`
   * when no roster arrives after a reconnect, {@link InternalError} when the core has failed, which ends every client.
   */
  error: {
    /** What happened. Shows no credential. */
    err: Error;
  };
}

export interface MeteredPeer extends Emitting<MeteredPeerEventMap> {}

/** A room: one channel, and a WebRTC connection to everybody in it. */
export class MeteredPeer {
  /** Checks the options. Nothing connects yet. */
  constructor(options: MeteredPeerOptions);
  /** Where it is in its life; `state-change` tells each change. */
  readonly state: MeteredPeerState;
  /** Our peer id, once welcomed. A publishable key gets another at each reconnect. */
  readonly peerId: string | null;
  /** The joined channel. */
  readonly channel: string | null;
  /** Everybody else in the channel, in the order of their ids. */
  readonly remotePeers: RemotePeer[];
  /** The remote with a peer id. */
  remotePeer(peerId: string): RemotePeer | undefined;
  /**
   * Connects and enters a channel. Only in `idle`; after a failure, or when `signal` is aborted before it is in, the peer
   * is `idle` again and can join.
   * @throws MeteredPeerStateError, MeteredPeerSendError (`reserved_channel`), and as `connect` and `subscribe` do.
   */
  join(channel: string, options?: JoinOptions): Promise<void>;
  /**
   * Joins as `join` does and answers this peer, for `await using room = await peer.joined("room-42")`: at the end of the
   * block the room is left and the peer closed. A join that fails leaves nothing to close.
   */
  joined(channel: string, options?: JoinOptions): Promise<this>;
  /**
   * Sends a JSON value to everybody in the channel, by way of the server.
   * @throws MeteredPeerSendError (`not_joined`; `invalid_args` without `data`), MeteredPeerOversizedError, and as
   *   `publish` does.
   */
  send(data: unknown, options?: SendOptions): Promise<void>;
  /** Sends a JSON value to one peer, by way of the server. Fails as `send` does, without a peer id too, and with `self_send`. */
  sendTo(peerId: string, data: unknown, options?: SendOptions): Promise<void>;
  /** What is known of the connections now. A remote that leaves meanwhile is not in it. */
  getStats(): Promise<MeteredPeerStats>;
  /**
   * Publishes a data track: everybody in the room, and whoever comes later, hears of it by `data-track-published` and can
   * subscribe. Before `join()` it may be called too. The track is published until `unpublish()` or until we leave; a
   * reconnect does not end it.
   * @throws `TypeError` for a `name` that has not 1 to 256 characters, is that of another track of ours, or is that of the
   *   257th; `InvalidStateError` for `usesE2ee` without a key; MeteredPeerStateError once the room is left.
   */
  publishDataTrack(options: PublishDataTrackOptions): LocalDataTrack;
  /**
   * Sets a key for data tracks that use end-to-end encryption: what we publish is encrypted with the latest that was set,
   * what we read is decrypted with the one that its publisher used, by its id. Everybody needs the same key under the same
   * id. It must not travel by way of the server, from which it protects.
   *
   * Whether a track is encrypted is for its publisher to say, and who stands between the two may say it is not: a reader who
   * wants nothing else looks at `track.info.usesE2ee` before it subscribes.
   *
   * A new key under another id is a rotation: set it for the readers first, and they miss nothing. One under an id that
   * was set before takes the old one's place.
   * @param key The secret: 16 random bytes or more. A text is taken as its UTF-8 bytes; one that people can guess protects
   *   from nobody.
   * @throws `TypeError` for a key that is empty or neither text nor bytes, or an id that is none; `NotSupportedError` where
   *   there is no WebCrypto, as in a page without HTTPS.
   */
  setDataTrackKey(key: string | ArrayBuffer | ArrayBufferView, options?: DataTrackKeyOptions): Promise<void>;
  /**
   * Sends every track of a stream to everybody in the room, now and whenever somebody comes. Each of its tracks has the
   * metadata. What is sent already stays as it is.
   * @param metadata A JSON object. The others get it by way of the server, with the stream's events.
   * @throws MeteredPeerStateError: `track_already_attached` if a track is sent with another stream or none,
   *   `invalid_state` once the room is left. MeteredPeerOversizedError for metadata longer than the server takes;
   *   `TypeError` for what is no stream or no JSON object.
   */
  addStream(stream: MediaStream, metadata?: StreamMetadata): void;
  /** Stops sending the tracks of a stream. Does nothing for those that are not sent. Fails as `addStream` does. */
  removeStream(stream: MediaStream): void;
  /**
   * Sends one track to everybody in the room, now and whenever somebody comes. The same track with the same stream again
   * does nothing.
   * @param stream The stream that the others get it in; without, they get a track alone.
   * @throws As `addStream`.
   */
  addTrack(track: MediaStreamTrack, stream?: MediaStream, metadata?: StreamMetadata): void;
  /** Stops sending a track. Does nothing for one that is not sent. Fails as `addStream` does. */
  removeTrack(track: MediaStreamTrack): void;
  /**
   * Sends another track of the same kind in a track's place, without negotiation; its stream and metadata stay. With
   * `null` nothing is sent until a `replaceTrack` of the same track, `removeTrack` or `addTrack`. Does nothing for a
   * track that is not sent.
   * @throws MeteredPeerReplaceTrackError if somebody's connection refuses. If everybody's does, the old track stays;
   *   otherwise the new one is sent to the others and to who comes. MeteredPeerStateError as `addTrack`.
   */
  replaceTrack(oldTrack: MediaStreamTrack, newTrack: MediaStreamTrack | null): Promise<void>;
  /** A copy of a track's metadata; undefined if it is not sent or has none. */
  getTrackMetadata(track: MediaStreamTrack): StreamMetadata | undefined;
  /** A copy of the metadata of a stream's first track that is sent. */
  getStreamMetadata(stream: MediaStream): StreamMetadata | undefined;
  /** Leaves for good and closes every connection. */
  close(reason?: string): Promise<void>;
  /** What `JSON.stringify` shows: no credential. */
  toJSON(): Pick<MeteredPeer, "state" | "peerId" | "channel">;
  /** Closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link MeteredPeer.getStats} answers. */
export interface MeteredPeerStats {
  /** The latest round trip to the server in milliseconds, as of {@link SignallingClient.latencyMs}. */
  latencyMs: number | undefined;
  /** The connection to each remote, by its peer id. */
  peers: Map<string, RemotePeerStats>;
}

// ---------------------------------------------------------------------------------------------- RemotePeer

/**
 * `idle` until something is negotiated; `connecting`; `connected`; `reconnecting` while the connection is disturbed or
 * being replaced; `closed` once the peer has left.
 */
export type PeerConnectionState = "idle" | "connecting" | "connected" | "reconnecting" | "closed";

/** The events of a {@link RemotePeer}. */
export interface RemotePeerEventMap {
  /** The state of the connection is another one. */
  "state-change": {
    /** The state before. */
    from: PeerConnectionState;
    /** The state now. */
    to: PeerConnectionState;
  };
  /**
   * The remote sends a track, or sends it again: after a reconnect it comes as a new object. `metadata` is what the
   * remote says about it.
   */
  track: {
    /** The native track. */
    track: MediaStreamTrack;
    /** The streams that it belongs to: one, or none. */
    streams: ReadonlyArray<MediaStream>;
    /** What the sender says of it; absent if it says nothing. */
    metadata?: StreamMetadata;
  };
  /**
   * The first track of a stream has arrived; `metadata` is that track's. Fires again when the connection was replaced,
   * with a new object of the same `id`: show that one from then on.
   */
  "stream-added": {
    /** The native stream. */
    stream: MediaStream;
    /** What the sender says of its first track; absent if it says nothing. */
    metadata?: StreamMetadata;
  };
  /**
   * The last track of a stream has gone: the remote removed it or has left. Not fired when the connection is replaced;
   * a stream that was removed meanwhile is then not added again.
   */
  "stream-removed": {
    /** The object that `stream-added` gave last. */
    stream: MediaStream;
  };
  /** The remote opened a data channel. Wrap it in a {@link DataChannel}. */
  "data-channel": {
    /** The native channel. */
    channel: RTCDataChannel;
  };
  /**
   * A step of the negotiation failed; the SDK tries again. Only an {@link IceRestartExhaustedError} is final: the
   * connection failed and every attempt to restart it, over some four minutes, did too. It is fired once, and the
   * connection still comes back if the remote moves.
   *
   * An `Error` named `NotSupportedError` says that the `RTCPeerConnection` never fires `negotiationneeded`, told 1 s after
   * a channel was created in vain: see {@link MeteredPeerOptions.rtcPeerConnectionFactory}.
   */
  "negotiation-error": {
    /** What the connection said, or one of the above. */
    err: Error;
  };
  /** A candidate of the remote was refused. Usually harmless. */
  "ice-candidate-error": {
    /** What the connection said. */
    err: Error;
  };
  /**
   * The connection was replaced: `pc` is another object, and what `createDataChannel` opened on the old one is gone; what
   * `openDataChannel` opened is being opened again already. That happens when the remote has a new connection itself, and
   * after a drop of the signalling connection in which the others have seen us leave; a server that resumes sessions
   * keeps it from happening. And it may happen while the first connection is being made: when both sides offer at once
   * and only one of them sends media, Chromium would lose the data channels of the side that gives way.
   */
  "connection-reset": Record<string, never>;
  /** The remote publishes a data track: now, or since before we came. Not fired again for a reconnect. */
  "data-track-published": {
    /** The track: one object until it is unpublished. */
    track: RemoteDataTrack;
  };
  /**
   * A data track is not published any more: the remote has unpublished it, or has left, or its page was loaded again, and
   * then it may be published anew as another track.
   */
  "data-track-unpublished": {
    /** The object that `data-track-published` gave. */
    track: RemoteDataTrack;
  };
  /**
   * A frame of an encrypted data track was dropped: there is no key with its id, or another, or it was tampered with, or it
   * is not encrypted as its track is. Fired for each such frame that a stream comes to; the stream goes on.
   */
  "data-track-error": {
    /** The track of the frame. */
    track: RemoteDataTrack;
    /** Why it could not be read. */
    err: Error;
  };
}

/** How the data of a connection goes: `host` directly, `srflx` and `prflx` through a NAT, `relay` by way of a TURN server. */
export type CandidateType = "host" | "srflx" | "prflx" | "relay";

/** What {@link RemotePeer.getStats} answers, of the present connection. Until it is connected, most of it is undefined. */
export interface RemotePeerStats {
  /** The less direct of the two ends' types. */
  route: CandidateType | undefined;
  /** The type of our end. */
  localCandidateType: CandidateType | undefined;
  /** The type of the other's end. */
  remoteCandidateType: CandidateType | undefined;
  /** Of our end. Between us and a TURN server it may be another one. */
  protocol: "udp" | "tcp" | undefined;
  /** The latest round trip of the connection's own checks, in milliseconds. */
  roundTripTimeMs: number | undefined;
  /** Bytes sent, of media and data channels together. A new connection begins at 0. */
  bytesSent: number;
  /** Bytes received, of media and data channels together. A new connection begins at 0. */
  bytesReceived: number;
}

/** Options of {@link RemotePeer.openDataChannel}: those of the native channel, and those of the wrapper around it. */
export interface OpenDataChannelOptions extends RTCDataChannelInit, DataChannelOptions {}

export interface RemotePeer extends Emitting<RemotePeerEventMap> {}

/** Somebody else in the room: one object for as long as they stay, across reconnects. */
export class RemotePeer {
  private constructor();
  /** Its peer id, stamped by the server. */
  readonly id: string;
  /** The peer's public metadata from its token, as of its latest presence. Untrusted input. */
  readonly metadata?: Record<string, unknown>;
  /** How the connection to it is; `state-change` tells each change. */
  readonly state: PeerConnectionState;
  /** Whether this side yields when both offer at once (its id is the lower one). */
  readonly polite: boolean;
  /** The native connection. Read it again after `connection-reset`. */
  readonly pc: RTCPeerConnection;
  /** Sends a JSON value to this peer, by way of the server. Fails as {@link MeteredPeer.sendTo} does. */
  send(data: unknown, options?: SendOptions): Promise<void>;
  /**
   * Opens a data channel that lasts as long as the peer is there; negotiation is taken care of.
   *
   * When the connection is replaced or its channels die, the channel is opened again by itself, with the same label and
   * options: `close` fires with `readyState` "connecting", and `open` when it is there. Sends that are made before the
   * first `open` or in between wait, at most `maxQueuedSends` of them, and leave in their order. What the platform had
   * taken before, so that its `send()` was resolved, may be lost: a `close` says that nobody knows. The other side gets a
   * `data-channel` event with a new channel each time.
   *
   * It ends with a `close` and `readyState` "closed": by `close()`, when the peer leaves, or when the other side closes
   * the channel. The other side has done so if the connection is still well a second later; until then `readyState` is
   * "closing" and sends wait. On a connection that cannot hold it, the channel is tried again after 1 s, and then after
   * growing pauses up to 30 s, or when there is a new connection.
   *
   * With `negotiated` and `id` both sides open it, each for itself, and there is no `data-channel` event.
   * @throws `InvalidStateError` once the peer has left, `TypeError` for a bad option or a missing `id`, and what the native
   *   method throws.
   */
  openDataChannel(label: string, options?: OpenDataChannelOptions): DataChannel;
  /**
   * Opens a native data channel on the present connection, with which it ends; negotiation is taken care of.
   * @throws `InvalidStateError` once the peer has left, `TypeError` for `negotiated` without `id`, and what the native
   *   method throws.
   */
  createDataChannel(label: string, init?: RTCDataChannelInit): RTCDataChannel;
  /**
   * What is known of the connection now.
   * @throws `InvalidStateError` once the peer has left.
   */
  getStats(): Promise<RemotePeerStats>;
  /** The data tracks that this peer publishes now, by their names. A copy. */
  readonly dataTracks: Map<string, RemoteDataTrack>;
  /** What `JSON.stringify` shows. */
  toJSON(): Pick<RemotePeer, "id" | "state">;
}

// ---------------------------------------------------------------------------------------------- DataChannel

/** Options of a {@link DataChannel}. A bad value throws a `TypeError` that names it. */
export interface DataChannelOptions {
  /** High-water mark: a send that would lift `bufferedAmount` above it waits. Default 1 MiB. */
  maxBufferedAmount?: number;
  /** Low-water mark: waiting sends go on when `bufferedAmount` has fallen to it. Default half the high-water mark. */
  bufferedAmountLowThreshold?: number;
  /** Most sends that wait: for the buffer, for a Blob to be read, or for the channel to be opened again. Default 256. */
  maxQueuedSends?: number;
  /**
   * The longest message that the other side takes. Default: what the connection says, if the channel came from
   * {@link RemotePeer}, by a method or an event; otherwise 262 144, which is what browsers and `@roamhq/wrtc` take.
   */
  maxMessageSize?: number;
  /**
   * How much `readable` holds for a reader that is slower than the other side, each message with 64 bytes on top of its
   * own. Default 16 MiB.
   */
  maxUnreadAmount?: number;
  /** Where log lines go. Default: nowhere. */
  logger?: Partial<Logger>;
}

/** The events of a {@link DataChannel}. */
export interface DataChannelEventMap {
  /** It can send now. Again and again, if it is one of `openDataChannel`. */
  open: void;
  /**
   * It cannot send any more. With `readyState` "closed" that is for good and the last event; with "connecting", of a
   * channel of `openDataChannel`, it will be open again.
   */
  close: void;
  /** The platform says that something is wrong. A `close` follows. */
  error: {
    /** What the platform says. */
    err: Error;
  };
  /** A message has arrived. */
  message: {
    /** A text, or bytes. Untrusted input. */
    data: string | ArrayBuffer;
  };
  /**
   * `bufferedAmount` has fallen to the low-water mark. Where the platform never says so, as `@roamhq/wrtc`, the buffer is
   * looked at every 4 to 64 ms while it is above the mark and somebody listens.
   */
  bufferedamountlow: void;
}

/** The part of `RTCDataChannel` that is used. */
export interface RTCDataChannelLike {
  /** The number on its connection. */
  readonly id?: number | null;
  /** The name that it was opened with. */
  readonly label: string;
  /** Whether messages arrive in the order of the sends. */
  readonly ordered?: boolean;
  /** The application's own name for what it speaks. */
  readonly protocol?: string;
  /** Whether both sides opened it with the same `id`. */
  readonly negotiated?: boolean;
  /** For how many milliseconds a message is sent again. */
  readonly maxPacketLifeTime?: number | null;
  /** How often a message is sent again. */
  readonly maxRetransmits?: number | null;
  /** Read when a send finds the channel not known to be open. */
  readonly readyState: RTCDataChannelState;
  /** Bytes that were sent and have not left: what backpressure goes by. */
  readonly bufferedAmount: number;
  /** Set to the low-water mark. */
  bufferedAmountLowThreshold: number;
  /** Sends one message. */
  send(data: string | ArrayBuffer): void;
  /** Closes the channel. May throw if it is closed. */
  close(): void;
  /** Adds a listener. The events are those of `RTCDataChannel`. */
  addEventListener(type: string, listener: (event: unknown) => void): void;
  /** Removes a listener. */
  removeEventListener(type: string, listener: (event: unknown) => void): void;
}

export interface DataChannel extends Emitting<DataChannelEventMap> {}

/**
 * A data channel with backpressure: `await send()` never overruns its buffer, and a payload that the other side would
 * not take is refused instead of closing the channel. Made around a native channel, or by
 * {@link RemotePeer.openDataChannel}.
 */
export class DataChannel {
  /** Takes a native channel over: its `binaryType` becomes "arraybuffer". */
  constructor(channel: RTCDataChannel | RTCDataChannelLike, options?: DataChannelOptions);
  /** The channel's number on its connection, 0 to 65 534; `null` while there is none. */
  readonly id: number | null;
  /** The name that it was opened with; need not be unique. */
  readonly label: string;
  /** Whether messages arrive in the order of the sends. */
  readonly ordered: boolean;
  /** The application's own name for what it speaks; empty by default. */
  readonly protocol: string;
  /** Whether both sides opened it with the same `id`, each for itself. */
  readonly negotiated: boolean;
  /** For how many milliseconds a message is sent again; `null` if there is no such limit. */
  readonly maxPacketLifeTime: number | null;
  /** How often a message is sent again; `null` if there is no such limit. */
  readonly maxRetransmits: number | null;
  /** `connecting`, `open`, `closing` or `closed`, as the platform has it. */
  readonly readyState: RTCDataChannelState;
  /** Bytes that the platform has taken and not sent yet. Sends that wait do not count. */
  readonly bufferedAmount: number;
  /**
   * The low-water mark in bytes, for `bufferedamountlow` and for sends that wait. Can be set at any time.
   * @throws `TypeError` for what is no number >= 0.
   */
  bufferedAmountLowThreshold: number;
  /**
   * The longest message that the other side takes, in bytes. Until the channel is open it may not be known: then it is
   * 65 536 here, and a send is judged when its turn comes.
   */
  readonly maxMessageSize: number;
  /**
   * Sends a string or bytes, in the order of all calls. Resolves when the channel has taken them, which may have to
   * wait for its buffer, or for one of `openDataChannel` to be open. Bytes that wait are a copy, made at the call. A Blob
   * is read first, and what is sent after it stays behind it.
   * @throws DataChannelOversizedError for a payload longer than `maxMessageSize`; DataChannelOverflowError when
   *   `maxQueuedSends` wait already; `TypeError` for what is no payload; `InvalidStateError` when it is not open, or of
   *   one of `openDataChannel` when it is closed for good. `close` rejects what waits. Every send settles for itself.
   */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): Promise<void>;
  /**
   * Sends now or not at all.
   * @returns false if the send would have to wait, and nothing was sent: the buffer is full, others wait, or one of
   *   `openDataChannel` is not open at the moment.
   * @throws what `send` rejects with, save DataChannelOverflowError. A Blob has to be read: that is for `send`.
   */
  trySend(data: string | ArrayBuffer | ArrayBufferView): boolean;
  /**
   * The messages from when it is first asked for, beside the event: bytes as `Uint8Array`, one chunk for each message.
   * It is one stream for one reader until it has ended; the property has a new one then.
   *
   * A data channel cannot make the other side pause. So it holds up to `maxUnreadAmount` for a reader that is slow, and
   * then ends with a {@link DataChannelReadOverflowError} after what it holds was read: nothing is skipped silently.
   *
   * It ends when the channel is closed; with an error if the channel failed, or if it is one of `openDataChannel` and the
   * connection was replaced, since messages may be missing then. To cancel it does not close the channel.
   */
  readonly readable: ReadableStream<string | ReturnType<Uint8ArrayConstructor["of"]>>;
  /**
   * A stream whose chunks are sent: `file.stream().pipeTo(dc.writable)`. A write resolves as `send` does, which is its
   * backpressure. Bytes have no borders in a stream: a chunk longer than `maxMessageSize` or the high-water mark is sent
   * as several messages, an empty one as it is. A string is always one message.
   *
   * It is one stream until it has ended; the property has a new one then. Closing or aborting it does not close the
   * channel, which may have more to say: tell the other side the end by a message. When the channel closes, also to be
   * opened again, the stream ends with `InvalidStateError`, and none of its chunks is sent later.
   */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView | Blob>;
  /**
   * Closes the channel for good; sends that wait are rejected. `@roamhq/wrtc` drops what it has taken and not sent yet:
   * where that matters, let the other side answer first.
   */
  close(): void;
}

// ---------------------------------------------------------------------------------------------- data tracks
//
// A data track is a named source of frames that others subscribe to: sensor values, poses, cursors, small pictures. Frames
// go from peer to peer, and only to those who have subscribed. They are best effort: each arrives whole or not at all, at
// most once, and after none that was pushed later. A frame is lost with any of its datagrams, of which it takes one for each
// 1,200 bytes or so: short frames arrive where long ones do not. For what must arrive there is `openDataChannel`.
//
// Who is too slow loses frames, the oldest first, and delays nobody else: a frame that waits for a slow connection gives
// way to the next one, and so does the oldest in a full buffer of a reader. `stats` count what was lost, and where.
//
// A peer of an official SDK in the room does not know data tracks and is not disturbed by them.
//
// What a reconnect does: a drop of the signalling connection and an ICE restart do nothing. When the connection to a peer is
// replaced, tracks and streams stay, and what is pushed into the gap is lost and counted. When a publisher leaves for the
// others, its tracks are gone and streams of them end with a `SubscribeDataTrackError`; if it comes back, it is
// somebody new whose tracks are new.

/** What a data track is. */
export interface DataTrackInfo {
  /** Names one publication: another one, of the same name too, has another. */
  readonly sid: string;
  /** The publisher's name for it, unique among the publisher's tracks. 1 to 256 UTF-16 code units. */
  readonly name: string;
  /** Whether frames are encrypted end to end. */
  readonly usesE2ee: boolean;
}

/** A frame as it was read. */
export interface DataTrackFrame {
  /** The reader's own copy. */
  payload: Uint8Array;
  /** What the publisher gave, a number of 64 bits: a time or a counter, in a unit of its choice. Absent if it gave none. */
  userTimestamp?: bigint;
}

/** A frame to be pushed. */
export interface DataTrackFrameInit {
  /** Up to a mebibyte (1 048 576 bytes). It is copied: what becomes of it after the push does not matter. */
  payload: ArrayBuffer | ArrayBufferView;
  /** From 0n to 2n ** 64n − 1n. */
  userTimestamp?: bigint;
}

/** Options of {@link MeteredPeer.publishDataTrack}. */
export interface PublishDataTrackOptions {
  /** Unique among our tracks. 1 to 256 UTF-16 code units. */
  name: string;
  /** Encrypts frames end to end, by the key of {@link MeteredPeer.setDataTrackKey}. Default false. */
  usesE2ee?: boolean;
}

/** Options of {@link MeteredPeer.setDataTrackKey}. */
export interface DataTrackKeyOptions {
  /** 0 to 255. Default 0. */
  keyId?: number;
}

/** A data track that we publish, from {@link MeteredPeer.publishDataTrack}. */
export class LocalDataTrack {
  private constructor();
  /** What the track is, as it was published. */
  readonly info: DataTrackInfo;
  /** Whether it is: until `unpublish()`, or until we leave. */
  isPublished(): boolean;
  /**
   * Sends a frame to everybody who has subscribed. Without a subscriber nothing is done, and it costs nothing. A frame that
   * a subscriber's connection has no room for yet waits, until the next one takes its place.
   * @throws PushFrameError, by whose `reason` the frame was not taken; `TypeError` for what is no frame.
   */
  tryPush(frame: DataTrackFrameInit): void;
  /** Ends the track for everybody. Its name is free at once. Does nothing if it is not published any more. */
  unpublish(): Promise<void>;
  /** What became of its frames. */
  readonly stats: LocalDataTrackStats;
  /** What `JSON.stringify` shows. */
  toJSON(): DataTrackInfo & {
    /** As `isPublished()` says. */
    isPublished: boolean;
  };
}

/** {@link LocalDataTrack.stats}. Once the track is not published any more they stay as they were. */
export interface LocalDataTrackStats {
  /** Frames that `tryPush` took, whether anybody had subscribed or not. */
  framesPushed: number;
  /** Frames that have left, once for each subscriber. */
  framesSent: number;
  /** Frames that have not, once for each subscriber: a newer one took their place, or the connection was away. */
  framesDropped: number;
  /** Peers that have subscribed now. Somebody whose connection is away counts again when it is back. */
  subscribers: number;
}

/** Options of {@link RemoteDataTrack.subscribe}. */
export interface SubscribeDataTrackOptions {
  /** Most frames that wait to be read; beyond that the oldest is dropped. Default 16; 0 is 1; `Infinity` is no bound. */
  bufferSize?: number;
  /** Ends the stream when it is aborted, with the signal's reason as its error. */
  signal?: AbortSignal;
}

/** A data track that a remote publishes, from `data-track-published` or {@link RemotePeer.dataTracks}. */
export class RemoteDataTrack {
  private constructor();
  /** What the track is, as its publisher says. */
  readonly info: DataTrackInfo;
  /** The publisher's peer id. */
  readonly publisherIdentity: string;
  /** Whether it is still published, as far as we know. */
  isPublished(): boolean;
  /**
   * Begins to read: frames that are pushed from about now on. Every stream has a buffer of its own; the publisher sends each
   * frame once, to however many of them. What prevents the subscription is told by the stream when it is read.
   * @throws `TypeError` for a bad option.
   */
  subscribe(options?: SubscribeDataTrackOptions): DataTrackStream;
  /** What became of its frames here. */
  readonly stats: RemoteDataTrackStats;
  /** What `JSON.stringify` shows. */
  toJSON(): DataTrackInfo & Pick<RemoteDataTrack, "publisherIdentity"> & {
    /** As `isPublished()` says. */
    isPublished: boolean;
  };
}

/** {@link RemoteDataTrack.stats}. Once the track is not published any more they stay as they were. */
export interface RemoteDataTrackStats {
  /** Frames that arrived whole. */
  framesReceived: number;
  /** Frames that were dropped because a stream's buffer was full, once for each stream. */
  framesOverflowed: number;
  /** Packets that were dropped because they came after a later frame, or again. */
  packetsLate: number;
  /** Frames that were given up because packets of them were lost. */
  framesIncomplete: number;
  /** Frames that `data-track-error` told of, once for each stream. */
  framesUndecryptable: number;
}

/**
 * Why a stream has ended: `closed` by us, `aborted` by its signal, `unpublished` by the publisher; `disconnected`, since the
 * publisher has left or begun anew, or we have left; `refused` by the publisher.
 */
export type DataTrackStreamEnd = "closed" | "aborted" | "unpublished" | "disconnected" | "refused";

/**
 * Frames of a data track, one after the other: for `for await`, by `read()`, or as a `ReadableStream`. Whichever is used, a
 * frame is read once. Frames that were not read when it ends are gone. Ending the last of a track's streams unsubscribes.
 */
export class DataTrackStream implements AsyncIterableIterator<DataTrackFrame> {
  private constructor();
  /** Undefined until it has ended. */
  readonly endReason: DataTrackStreamEnd | undefined;
  /**
   * The next frame, or null when the stream has ended. Several may wait at once: each gets a frame of its own, in order.
   * @throws SubscribeDataTrackError, or the reason of the signal: once, instead of the first null, if the stream ended by
   *   anything but `close()` or the track's unpublishing.
   */
  read(): Promise<DataTrackFrame | null>;
  /** As `read()`, for iteration. */
  next(): Promise<IteratorResult<DataTrackFrame, undefined>>;
  /** Closes. Leaving a `for await` calls it. */
  return(value?: undefined): Promise<IteratorReturnResult<undefined>>;
  /** The same frames as a stream, always the same one, which holds none itself. Cancelling it closes. */
  readonly readable: ReadableStream<DataTrackFrame>;
  /** Ends it; a `read()` that waits is told so. */
  close(): void;
  /** The stream itself: a `for await` goes on where the last `read()` was. */
  [Symbol.asyncIterator](): this;
  /** Closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- errors

/** The connection closed before the server's welcome. */
export class SignallingConnectError extends Error {
  constructor(closeCode: number, closeReason: string);
  /** The WebSocket's close code. */
  readonly closeCode: number;
  /** What the server said of it. Untrusted, and no part of `message`. */
  readonly closeReason: string;
}

/** The server refused a request. */
export class ServerRequestError extends Error {
  constructor(code: string, requestId: string, serverMessage?: string);
  /** The same as `code`, so that `error.name === "peer_not_found"` holds as well. */
  readonly name: ServerErrorCode;
  /** Why. */
  readonly code: ServerErrorCode;
  /** The number of the request, as it is in the server's log. */
  readonly requestId: string;
  /** The server's words. Untrusted, and no part of `message`. */
  readonly serverMessage?: string;
}

/** The client is not connected; nothing was sent. */
export class NotConnectedError extends Error {
  constructor();
  /** The name of the class. */
  readonly name: "NotConnectedError";
  /** What programs can branch on. */
  readonly code: "not_connected";
}

/** The connection was lost between a request and its answer. */
export class DisconnectedError extends Error {
  constructor();
  /** The name of the class. */
  readonly name: "DisconnectedError";
  /** What programs can branch on. */
  readonly code: "disconnected";
}

/** The server did not answer a request in time. */
export class AckTimeoutError extends Error {
  constructor(requestId: string, timeoutMs: number);
  /** The name of the class. */
  readonly name: "AckTimeoutError";
  /** What programs can branch on. */
  readonly code: "ack_timeout";
  /** The number of the request, as it is in the server's log. */
  readonly requestId: string;
  /** How long it was waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** The message is longer than the server takes; nothing was sent. */
export class OversizedPayloadError extends Error {
  constructor(size: number, cap: number);
  /** The name of the class. */
  readonly name: "OversizedPayloadError";
  /** What programs can branch on. */
  readonly code: "oversized_payload";
  /** Bytes of the message as it would have been sent. */
  readonly size: number;
  /** Bytes that the server takes. */
  readonly cap: number;
}

/** As {@link OversizedPayloadError}, from a {@link MeteredPeer}. */
export class MeteredPeerOversizedError extends Error {
  constructor(size: number, cap: number);
  /** The name of the class. */
  readonly name: "MeteredPeerOversizedError";
  /** What programs can branch on. */
  readonly code: "oversized_payload";
  /** Bytes of the message as it would have been sent. */
  readonly size: number;
  /** Bytes that the server takes. */
  readonly cap: number;
}

/** A {@link MeteredPeer} cannot send this, or not now. */
export class MeteredPeerSendError extends Error {
  constructor(code: MeteredPeerSendError["code"], message?: string);
  /** The name of the class. */
  readonly name: "MeteredPeerSendError";
  /**
   * `reserved_channel`: the name begins with `_metered/`, `_internal/` or `_system/`. `not_joined`: the room is not
   * joined. `self_send`: the peer id is our own. `invalid_args`: an argument cannot be meant, and `message` says which.
   */
  readonly code: "reserved_channel" | "not_joined" | "invalid_args" | "self_send";
}

/** The method cannot be called in this state. */
export class MeteredPeerStateError extends Error {
  constructor(code: MeteredPeerStateError["code"], method: string, message: string, currentState?: string);
  /** The name of the class. */
  readonly name: "MeteredPeerStateError";
  /** `invalid_state`: not in this state. `track_already_attached`: the track is sent with another stream, or none. */
  readonly code: "invalid_state" | "track_already_attached";
  /** The method that was called. */
  readonly method: string;
  /** The state that it was called in. */
  readonly currentState?: string;
}

/** {@link MeteredPeer.replaceTrack} did not succeed for everybody. */
export class MeteredPeerReplaceTrackError extends Error {
  constructor(succeeded: readonly string[], failed: ReadonlyArray<{ peerId: string; err: Error }>);
  /** The name of the class. */
  readonly name: "MeteredPeerReplaceTrackError";
  /** The peer ids of those who get the new track. */
  readonly succeeded: readonly string[];
  /** Those who do not, and why. */
  readonly failed: ReadonlyArray<{
    /** The peer id. */
    peerId: string;
    /** What their connection said. */
    err: Error;
  }>;
}

/** Too many sends wait on a {@link DataChannel}. */
export class DataChannelOverflowError extends Error {
  constructor(queued: number, cap: number);
  /** The name of the class. */
  readonly name: "DataChannelOverflowError";
  /** What programs can branch on. */
  readonly code: "data_channel_overflow";
  /** How many sends wait. */
  readonly queued: number;
  /** How many may: `maxQueuedSends`. */
  readonly cap: number;
}

/** The payload is longer than the other side of a {@link DataChannel} takes; nothing was sent, and the channel goes on. */
export class DataChannelOversizedError extends Error {
  constructor(size: number, cap: number);
  /** The name of the class. */
  readonly name: "DataChannelOversizedError";
  /** What programs can branch on. */
  readonly code: "oversized_payload";
  /** Bytes of the payload. */
  readonly size: number;
  /** Bytes that the other side takes. */
  readonly cap: number;
}

/** More arrived than {@link DataChannel.readable} holds for its reader. */
export class DataChannelReadOverflowError extends Error {
  constructor(cap: number);
  /** The name of the class. */
  readonly name: "DataChannelReadOverflowError";
  /** What programs can branch on. */
  readonly code: "data_channel_read_overflow";
  /** Bytes that it holds. */
  readonly cap: number;
}

/** A connection failed, and so did every attempt to restart ICE on it. */
export class IceRestartExhaustedError extends Error {
  constructor();
  /** The name of the class. */
  readonly name: "IceRestartExhaustedError";
  /** What programs can branch on. */
  readonly code: "ice_restart_exhausted";
}

/** No roster arrived after a reconnect, although it was asked for three times, 10 s apart. */
export class ReconcileTimeoutError extends Error {
  constructor();
  /** The name of the class. */
  readonly name: "ReconcileTimeoutError";
  /** What programs can branch on. */
  readonly code: "reconcile_timeout";
}
/**
 * The core itself has failed: a defect of this package, or memory that the platform does not give. Every client that was
 * made with it is `closed` and got this error as its `error` event; what waited is rejected with it, and so are later
 * calls. What must go on begins anew: load the page again, or the program. Channels of one's own in a
 * {@link DataChannel} are not concerned.
 */
export class InternalError extends Error {
  constructor(cause: unknown);
  /** The name of the class. */
  readonly name: "InternalError";
  /** What programs can branch on. */
  readonly code: "internal_error";
  /** What the core died of: mostly a `WebAssembly.RuntimeError`. Its stack belongs into a report. */
  readonly cause: unknown;
}


/** A frame was not taken by {@link LocalDataTrack.tryPush}. */
export class PushFrameError extends Error {
  constructor(reason: PushFrameError["reason"]);
  /** The name of the class. */
  readonly name: "PushFrameError";
  /** What programs can branch on. */
  readonly code: "push_frame";
  /**
   * `unpublished`: the track is not published any more. `not_connected`: the room is not joined; while it is
   * `reconnecting`, frames are taken. `too_fast`: 16 frames of the track are being encrypted. `too_large`: the payload is
   * longer than a mebibyte. `exhausted`: an encrypted track has used up its 2³² frame numbers; publish it again.
   */
  readonly reason: "unpublished" | "not_connected" | "too_fast" | "too_large" | "exhausted";
}

/** A {@link DataTrackStream} could not go on, or begin. */
export class SubscribeDataTrackError extends Error {
  constructor(reason: SubscribeDataTrackError["reason"]);
  /** The name of the class. */
  readonly name: "SubscribeDataTrackError";
  /** What programs can branch on. */
  readonly code: "subscribe_data_track";
  /**
   * `unpublished`: the track was not published any more when we subscribed. `disconnected`: the publisher has left or begun
   * anew, or we have left. `refused`: the publisher does not give the track.
   */
  readonly reason: "unpublished" | "disconnected" | "refused";
}

// ---------------------------------------------------------------------------------------------- rest

/** WebSocket close codes of the service. */
export const WsCloseCode: {
  /** The server is shutting down; come back. */
  readonly GoingAway: 1001;
  /** The connection broke a rule of the server. */
  readonly PolicyViolation: 1008;
  /** A message was longer than the server takes. */
  readonly MessageTooBig: 1009;
  /** Nothing was heard from the client for too long. */
  readonly ClientInactivity: 4000;
  /** The key or token is not valid. Final. */
  readonly InvalidToken: 4001;
  /** The token has expired; come back with a fresh one. */
  readonly TokenExpired: 4002;
  /** The credential does not allow a channel. Final. */
  readonly ChannelNotAuthorized: 4003;
  /** The app has too many connections. */
  readonly OverConcurrentLimit: 4010;
  /** The client has sent too much in too short a time. */
  readonly OverMessageRate: 4011;
  /** The account is suspended. Final. */
  readonly AccountSuspended: 4012;
  /** An administrator has closed the connection. Final. */
  readonly AdminDisconnect: 4020;
};
export type WsCloseCode = (typeof WsCloseCode)[keyof typeof WsCloseCode];
export { WsCloseCode as WsCloseCodeValue };

/** Drops every line. */
export const NoopLogger: Logger;
/** Writes to `console`, with the package's name in front. */
export const ConsoleLogger: Logger;
