// The JavaScript side of a client: it holds the native objects, listens to them, and turns what the core says
// into promises and events. It decides nothing. The methods that src/driver.rs asks for come
// first, in the order in which src/host.rs lists them, each with a number first; what happens goes to the core by `tell`.

import { answers, mustWork, taken } from "./asking.js";
import { bindings, enlist } from "./bindings.js";
import { DataTracks, randomEpoch } from "./data_tracks.js";
import { errors, IceRestartExhaustedError, ReconcileTimeoutError, rejections } from "./errors.js";
import { Outgoing } from "./media.js";
import { remember } from "./message_size.js";
import { observe } from "./observe.js";
import { abortSignal, option } from "./options.js";
import { utf8Length } from "./payload.js";
import { listen, watchPlatform } from "./platform.js";
import { RemotePeer } from "./remote_peer.js";
import { scrubbed } from "./scrub.js";

// The calls, as src/client.rs numbers them.
export const CONNECT = 0;
export const CLOSE = 1;
export const SUBSCRIBE = 2;
export const UNSUBSCRIBE = 3;
export const PUBLISH = 4;
export const SEND_TO = 5;
export const JOIN = 6;
export const BROADCAST = 7;

const METHODS = ["connect", "close", "subscribe", "unsubscribe", "publish", "send", "join", "send"];

// What happened, as src/client.rs numbers it.
const TIMEOUT = 8;
const FRAME = 9;
const GARBAGE = 10;
const CLOSED = 11;
const TOKEN = 12;
const TOKEN_FAILED = 13;
const NEGOTIATION_NEEDED = 14;
const CANDIDATE = 15;
const STATE = 16;
const DONE = 17;
const FAILED = 18;
const CHECK_LINK = 19;
const ABORTED = 20;
const DESCRIBE_TRACK = 21;

// What can be read, as src/client.rs numbers it.
const CLIENT_STATE = 0;
const ROOM_STATE = 1;
const PEER_ID = 2;
const CHANNEL = 3;
const LATENCY = 4;
const MAX_MESSAGE_SIZE = 5;
const REMOTES = 6;
const REMOTE_STATE = 7;
const REMOTE_METADATA = 8;

/** The steps of a negotiation, as src/driver.rs numbers them. */
const OPERATIONS = ["createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"];

// The states, by the numbers of the core's enums.
const CLIENT_STATES = ["idle", "connecting", "connected", "reconnecting", "closed"];
const ROOM_STATES = ["idle", "joining", "joined", "reconnecting", "leaving", "closed"];
const REMOTE_STATES = CLIENT_STATES;
const LOG_LEVELS = ["debug", "info", "warn"];

/** The close code of a socket that says none. */
const ABNORMAL = 1006;
const MAX_FRAME_LENGTH = 1024 * 1024;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** A timer that rings so late, by the wall clock, has slept, and its machine maybe with it. */
const SLEPT_MS = 5_000;

const optional = (name, value) => (value === undefined ? undefined : { [name]: value });

/** The JSON text of a payload, or a TypeError that says why there is none. */
export const encodePayload = (data, argument = "data") => {
  let text;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new TypeError(`\`${argument}\` cannot be written as JSON: ${error.message}`);
  }
  if (text === undefined) throw errors.invalid(argument, "must be a JSON value", data);
  return text;
};

export class Host {
  #core;
  #surface;
  #options;
  #isRoom;
  #calls = new Map();
  #lastCall = 0;
  #sockets = new Map();
  #connections = new Map();
  #remotes = new Map();
  #timer;
  #due = Infinity;
  #watching;
  /** The state that the application heard of last. */
  #told = "idle";
  /** The tracks that a room sends. */
  media = new Outgoing(this);
  /** Its data tracks. */
  tracks;

  /**
   * @param surface the public object, whose events these are
   * @param options what `parseOptions` made of the user's
   */
  constructor(surface, options, isRoom) {
    this.#surface = surface;
    this.#options = options;
    this.#isRoom = isRoom;
    const epoch = isRoom ? randomEpoch() : undefined;
    const { apiKey, url, autoResubscribe, numbers } = options;
    // Jitter needs no cryptography.
    const seed = Math.random() * 2 ** 53;
    this.#core = bindings.open([apiKey, url, epoch, autoResubscribe, seed, ...numbers]);
    if (!this.#core) {
      const [name, must] = taken();
      throw errors.invalid(name, must, options.given(name));
    }
    if (isRoom) this.tracks = new DataTracks(this, this.#core, epoch);
    enlist(this);
  }

  // ---- what the core asks of the platform

  _openSocket(id, url) {
    try {
      const socket = this.#options.webSocketFactory(url);
      const detach = listen(socket, {
        message: ({ data }) => this.#frame(id, data),
        close: ({ code = ABNORMAL, reason = "" }) => {
          detach();
          this.#sockets.delete(id);
          this.#notify(CLOSED, id, code, reason);
        },
        // A close follows, which says more; but an error that nobody listens to ends a Node process.
        error: () => {},
      });
      this.#sockets.set(id, socket);
    } catch {
      this.#notify(CLOSED, id, ABNORMAL, "the WebSocket could not be constructed");
    }
  }

  /** Sends a frame: its text, or what goes before a payload of the user's. */
  _sendFrame(id, head, payload) {
    try {
      this.#sockets.get(id).send(payload === undefined ? head : `${head}${payload}}`);
    } catch {
      // A socket that does not take a frame is closing; its close is what the core hears of.
    }
  }

  _closeSocket(id, code, reason) {
    try {
      this.#sockets.get(id).close(code, reason);
    } catch {
      // It is closed already.
    }
  }

  _fetchToken(operation) {
    (async () => this.#options.tokenProvider())().then(
      (token) => this.#notify(TOKEN, 0, operation, token),
      (error) => this.#notify(TOKEN_FAILED, 0, operation, error),
    );
  }

  _openConnection(id, remote, peerId, ...iceServers) {
    let pc = null;
    let expect;
    const isNew = !this.#remotes.has(remote);
    const peer = this.#remotes.get(remote) ?? new RemotePeer(this, remote, peerId, this.#options.logger);
    this.#remotes.set(remote, peer);
    try {
      pc = this.#options.rtcPeerConnectionFactory({ iceServers });
      let detach;
      [detach, expect] = observe(pc, {
        negotiationNeeded: () => this.#notify(NEGOTIATION_NEEDED, id),
        candidate: (candidate) => this.#notify(CANDIDATE, id, 0, candidate),
        state: (state) => this.#notify(STATE, id, state),
        stable: () => peer._incoming.agreed(),
        dataChannel: (channel) => peer.emit("data-channel", { channel: remember(channel, pc) }),
        track: (event) => peer._incoming.arrived(event),
        mute: () => peer.emit("negotiation-error", { err: errors.mute() }),
      });
      this.#connections.set(id, { pc, detach, peer });
    } catch (err) {
      this.emitError(err);
    }
    peer._replaceConnection(pc, expect);
    this.media.attachAll(peer);
    if (isNew) this.tracks.joined(remote);
    else this.tracks.connectionReplaced(remote);
  }

  _setIceServers(id, ...iceServers) {
    try {
      const pc = this.connection(id);
      // What is left out is the default again: a connection that only relays would relay no longer.
      pc?.setConfiguration({ ...pc.getConfiguration?.(), iceServers });
    } catch {
      this.#options.log("warn", "a connection does not take new ICE servers");
    }
  }

  /** Does a step of a negotiation; `argument` is JSON text. */
  _operate(id, operation, step, argument) {
    const failed = (error) => this.#notify(FAILED, id, operation, error);
    try {
      // What should be a promise comes from an object of the user's.
      Promise.resolve(this.connection(id)[OPERATIONS[step]](argument && JSON.parse(argument))).then(
        (value) => this.#notify(DONE, id, operation, value),
        failed,
      );
    } catch (error) {
      failed(error);
    }
  }

  _closeConnection(id) {
    const { pc, detach, peer } = this.#connections.get(id) ?? {};
    this.#connections.delete(id);
    // The listeners go first: closing is our own doing and no news.
    detach?.();
    peer?._incoming.release();
    try {
      pc?.close();
    } catch {
      // It is of no use any more either way.
    }
  }

  /** Sees to it that the core hears of its next deadline. A timer that is due earlier stays: coming early is harmless. */
  _arm(delay) {
    const due = performance.now() + delay;
    if (delay !== Infinity && due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    if (delay === Infinity) return;
    const ms = Math.min(delay, MAX_TIMEOUT_MS);
    const awake = Date.now() + ms + SLEPT_MS;
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      if (Date.now() > awake) this.#notify(CHECK_LINK);
      this.#notify(TIMEOUT);
    }, ms);
  }

  _log(level, message) {
    this.#options.log(LOG_LEVELS[level], message);
  }

  #frame(id, data) {
    let value;
    if (typeof data === "string" && data.length <= MAX_FRAME_LENGTH) {
      try {
        value = JSON.parse(data);
      } catch {
        // Not JSON.
      }
    }
    this.#notify(value === undefined ? GARBAGE : FRAME, id, 0, value);
  }

  // ---- how a call ends

  /** Takes a call out of the table; undefined if it was aborted. */
  #take(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.detach?.();
    return call;
  }

  #fail(id, error) {
    this.#take(id)?.reject(error);
  }

  _resolve(id) {
    this.#take(id)?.resolve();
  }

  _reject(id, why, ...details) {
    const method = METHODS[this.#calls.get(id)?.kind];
    this.#fail(id, rejections[why]({ method, state: this.state, isRoom: this.#isRoom }, ...details));
  }

  // ---- what the application hears of

  _stateChange(to, from) {
    const change = { from: this.#states[from], to: this.#states[to] };
    this.#told = change.to;
    this.#options.log("info", "the state has changed", change);
    this.#watch(to > 0 && change.to !== "closed");
    this.#surface.emit("state-change", change);
    // A first attempt that failed ends nothing: another may succeed. A room that was ends with `left`.
    const ends = this.#isRoom ? change.from === "idle" : change.from !== "connecting" || this.#isClosing;
    // What follows from the close is still told.
    if (change.to === "closed" && ends) queueMicrotask(() => this.#surface._end(this.#isRoom));
  }

  get #isClosing() {
    return [...this.#calls.values()].some(({ kind }) => kind === CLOSE);
  }

  /** Listens to the platform for as long as there is a connection or is to be one. */
  #watch(wanted) {
    if (wanted) {
      this.#watching ??= watchPlatform(() => this.#notify(CHECK_LINK));
    } else {
      this.#watching?.();
      this.#watching = undefined;
    }
  }

  _connected(maxMessageSize, peerId, serverTime, expiresAt = null, isReconnect, resumed, ...iceServers) {
    this.#surface.emit("connected", {
      peerId, serverTime, expiresAt, isReconnect, maxMessageSize, resumed,
      ...(iceServers.length > 0 && { iceServers }),
    });
  }

  _disconnected(code, reason, willReconnect) {
    this.#options.log("info", "the connection was closed", { code, willReconnect });
    this.#surface.emit("disconnected", { code, reason, willReconnect });
  }

  /** A `message` or `direct` frame. What is shown of it, and of `presence`, is what the core has read. */
  _message(hasMetadata, { type, channel, from, fromMetadata, data }) {
    const isDirect = type === "direct";
    let event;
    if (this.#isRoom) {
      event = { senderPeerId: from, data, kind: isDirect ? type : "broadcast" };
      if (hasMetadata) event.senderMetadata = fromMetadata;
      type = "data";
    } else {
      event = isDirect ? { from, data } : { channel, from, data };
      if (hasMetadata) event.fromMetadata = fromMetadata;
    }
    this.#surface.emit(type, event);
  }

  _presence(_, { channel, joined, left }) {
    this.#surface.emit("presence", { channel, joined, left });
  }

  _serverError(_, code, requestId, message) {
    if (this.#isRoom) this.#surface.emit("error", { err: errors.named(code, message ?? "server error") });
    else this.#surface.emit("server-error", { ...optional("requestId", requestId), code, ...optional("message", message) });
  }

  _goingAway(retryAfterMs) {
    this.#surface.emit("going-away", { retryAfterMs });
  }

  _tokenProviderError(consecutiveFailures, kind, error) {
    const err = errors.token(kind, error);
    if (this.#isRoom) this.#surface.emit("error", { err: errors.tokenProvider(err) });
    else this.#surface.emit("token-provider-error", { consecutiveFailures, err });
  }

  _joined(_, peerId, channel) {
    this.#surface.emit("joined", { peerId, channel });
  }

  _left(_, peerId = null, channel = null, reason) {
    this.tracks.end();
    this.#surface.emit("left", { peerId, channel, ...optional("reason", reason) });
    this.#surface._end(true);
  }

  _peerJoined(id) {
    this.#surface.emit("peer-joined", { peer: this.#remotes.get(id) });
  }

  _peerLeft(id, metadata) {
    const peer = this.#remotes.get(id);
    this.tracks.left(id);
    this.#remotes.delete(id);
    peer._leave(metadata);
    this.#surface.emit("peer-left", { peer });
    peer._end(true);
  }

  _terminal(code) {
    this.#surface.emit("error", { err: errors.terminal(code) });
  }

  _reconcileTimeout() {
    this.#surface.emit("error", { err: new ReconcileTimeoutError() });
  }

  _remoteStateChange(id, from, to) {
    this.#remotes.get(id)?.emit("state-change", { from: REMOTE_STATES[from], to: REMOTE_STATES[to] });
  }

  _connectionReset(id) {
    const peer = this.#remotes.get(id);
    peer?._reopenChannels();
    peer?.emit("connection-reset", {});
  }

  _trackMeta(id, trackId, metadata, kind, streamId) {
    if (this.tracks.announced(id, trackId, metadata)) return;
    this.#remotes.get(id)?._incoming.describe(trackId, kind, streamId, metadata);
  }

  _signalsLost(id) {
    const peer = this.#remotes.get(id);
    if (peer) this.media.describeAll(peer);
    this.tracks.signalsLost(id);
  }

  _remoteError(id, err, isCandidate) {
    this.#remotes.get(id)?.emit(isCandidate ? "ice-candidate-error" : "negotiation-error", { err: scrubbed(err) });
  }

  _iceRestartExhausted(id) {
    this.#remotes.get(id)?.emit("negotiation-error", { err: new IceRestartExhaustedError() });
  }

  // ---- calls and state

  /** Makes a call; a promise of its end. `argument` names `name` in an error, `options` may hold an AbortSignal. */
  call(kind, options, argument, name, number = 0, data) {
    return new Promise((resolve, reject) => {
      const signal = abortSignal(options);
      if (signal?.aborted) throw signal.reason;
      if (argument !== undefined && typeof name !== "string") throw errors.invalid(argument, "must be a string", name);
      mustWork();
      const id = ++this.#lastCall;
      const detach = signal && listen(signal, { abort: () => this.#abort(id, signal.reason) });
      this.#calls.set(id, { kind, resolve, reject, detach });
      const must = this.#core.tell(this, kind, id, number, name, data);
      if (must === undefined) return;
      this.#take(id);
      throw errors.invalid(argument, must, name);
    });
  }

  /** Nobody waits for a call any more. */
  #abort(id, reason) {
    this.#take(id).reject(reason);
    this.#notify(ABORTED, id);
  }

  /** Makes a call that enters a channel. */
  async enter(kind, options, channel) {
    const metadata = option(options, "includeSenderMetadata", "boolean") ?? false;
    return this.call(kind, options, "channel", channel, Number(metadata));
  }

  /** Makes a call with a payload. */
  async send(kind, options, data, argument, name) {
    const text = encodePayload(data);
    return this.call(kind, options, argument, name, utf8Length(text), text);
  }

  get state() {
    return this.#states[this.#read(this.#isRoom ? ROOM_STATE : CLIENT_STATE)] ?? "closed";
  }

  get peerId() {
    return this.#read(PEER_ID);
  }

  get latencyMs() {
    return this.#read(LATENCY);
  }

  get channel() {
    return this.#read(CHANNEL);
  }

  get maxMessageSize() {
    return this.#read(MAX_MESSAGE_SIZE);
  }

  get remotes() {
    this.#read(REMOTES);
    // The core may know of somebody whose turn to be constructed has not come.
    return taken().map((id) => this.#remotes.get(id)).filter((peer) => peer);
  }

  remoteState(id) {
    return REMOTE_STATES[this.#read(REMOTE_STATE, id) % 16] ?? "closed";
  }

  isPolite(id) {
    return this.#read(REMOTE_STATE, id) >= 16;
  }

  remoteMetadata(id) {
    return this.#read(REMOTE_METADATA, id);
  }

  #read(what, remote = 0) {
    try {
      return this.#core.read(what, remote);
    } catch {
      // The core has failed. There is nothing to know any more.
    }
  }

  /** Tells a remote about a track of ours; without metadata, that there is nothing to tell any more. */
  describeTrack(remote, { id, kind }, stream, metadata) {
    this.#notify(DESCRIBE_TRACK, remote, 0, { trackId: id, kind, streamId: stream?.id, metadata });
  }

  get #states() {
    return this.#isRoom ? ROOM_STATES : CLIENT_STATES;
  }

  #notify(kind, id, operation, value) {
    try {
      this.#core.tell(this, kind, id, operation, value);
    } catch {
      // The core has failed. Everybody has been told.
    }
  }

  /** The core has failed: ends everything without it. Answers whether the application listens for errors. */
  _abandon(err) {
    this.#watch(false);
    clearTimeout(this.#timer);
    for (const id of this.#sockets.keys()) this._closeSocket(id);
    for (const id of [...this.#connections.keys()]) this._closeConnection(id);
    this.tracks?.abandon();
    for (const id of [...this.#calls.keys()]) this.#fail(id, err);
    for (const peer of this.#remotes.values()) {
      peer._leave();
      peer._end(true);
    }
    const heard = this.#surface.emit("error", { err });
    if (this.#told !== "closed") this.#surface.emit("state-change", { from: this.#told, to: "closed" });
    this.#surface._end(true);
    return heard;
  }

  remote(id) {
    return this.#remotes.get(id);
  }

  emitError(err) {
    this.#surface.emit("error", { err: scrubbed(err) });
  }

  connection(id) {
    return this.#connections.get(id)?.pc;
  }
}

answers(Host);
