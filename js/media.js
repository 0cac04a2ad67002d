// Media: which tracks we send to everybody in the room, and what each remote sends us.
//
// `Outgoing` has one entry for each track that is sent, whoever is there. A connection that was there before the track
// and one that comes after it are given it in the same way; its sender is kept with the entry, by the connection, so
// that of a connection that was replaced nothing has to be forgotten. What is said about a track goes ahead of the
// offer that carries it: `describeTrack` is called before `addTrack`, and the core keeps the order.
//
// `Incoming` keeps what one remote has said about its tracks, and the streams of which tracks still come. A track is
// known by the id that it has at its sender, or else by its stream and kind: not every stack keeps the id, and none
// does where an answer brings the track.

import { errors, MeteredPeerOversizedError, MeteredPeerReplaceTrackError, MeteredPeerStateError } from "./errors.js";
import { encodePayload } from "./host.js";
import { utf8Length } from "./payload.js";
import { listen } from "./platform.js";
import { scrubbed } from "./scrub.js";

/** What a signal about a track weighs besides the metadata, at most: ids, and the frame around it. */
const ENVELOPE_BYTES = 1024;

const MAX_DESCRIBED_TRACKS = 512;

export const mustBeTrack = (argument, value) => {
  if (typeof value?.id !== "string" || typeof value.kind !== "string") {
    throw errors.invalid(argument, "must be a MediaStreamTrack", value);
  }
};

export const mustBeStream = (value) => {
  if (typeof value?.getTracks !== "function") throw errors.invalid("stream", "must be a MediaStream", value);
};

/** Listens to what may be an object of the user's. */
const hear = (target, listeners) => (target.addEventListener ? listen(target, listeners) : () => {});

const alreadyAttached = (method, state) => {
  const message = "the track is sent already: remove it first, or take another for each stream";
  return new MeteredPeerStateError("track_already_attached", method, message, state);
};

/** What we send to everybody. */
export class Outgoing {
  #host;
  /** By track: its stream, its metadata as JSON text, whether it is silenced, and its senders by connection. */
  #sent = new Map();

  constructor(host) {
    this.#host = host;
  }

  add(method, tracks, stream, metadata) {
    this.mustBeOpen(method);
    const text = metadata === undefined ? undefined : this.#encode(metadata);
    const added = tracks.filter((track) => {
      const entry = this.#entry(track);
      if (entry && entry.stream !== stream) throw alreadyAttached(method, this.#host.state);
      return !entry;
    });
    for (const track of added) {
      this.#take(track);
      const entry = { stream, text, senders: new WeakMap() };
      this.#sent.set(track, entry);
      for (const peer of this.#host.remotes) this.#attach(peer, track, entry);
    }
  }

  remove(method, tracks) {
    this.mustBeOpen(method);
    for (const track of tracks) this.#take(track);
  }

  /** Sends another track, or nothing, in a track's place. It is another's place at once, so that who comes meanwhile gets it. */
  async replace(track, next) {
    const method = "replaceTrack";
    this.mustBeOpen(method);
    const entry = this.#sent.get(track);
    if (!entry || next === track) return;
    if (this.#entry(next)) throw alreadyAttached(method, this.#host.state);
    const key = next ?? track;
    const wasSilent = entry.silent;
    this.#move(entry, track, key, next === null);
    const results = await Promise.all(this.#host.remotes.map(async (peer) => {
      const sender = entry.senders.get(peer.pc);
      try {
        if (sender) await sender.replaceTrack(next);
        else this.#attach(peer, key, entry);
        this.#describe(peer, track, entry, true);
        if (next) this.#describe(peer, next, entry);
      } catch (err) {
        // A connection that was replaced meanwhile has been given the new track.
        if (entry.senders.get(peer.pc) === sender) return { peer, err: scrubbed(err) };
      }
      return { peer };
    }));
    const there = results.filter(({ peer }) => peer.state !== "closed");
    const failed = there.filter(({ err }) => err);
    if (failed.length === 0) return;
    if (failed.length === there.length && this.#sent.get(key) === entry) this.#move(entry, key, track, wasSilent);
    throw new MeteredPeerReplaceTrackError(
      there.filter(({ err }) => !err).map(({ peer }) => peer.id),
      failed.map(({ peer, err }) => ({ peerId: peer.id, err })),
    );
  }

  /** The tracks of a stream that are sent. */
  tracksOf(stream) {
    const added = [...this.#sent.keys()].filter((track) => this.#sent.get(track).stream === stream);
    return [...new Set([...stream.getTracks(), ...added])].filter((track) => this.#sent.has(track));
  }

  /** A copy of what the others were told about a track. */
  metadataOf(track) {
    const text = this.#entry(track)?.text;
    return text && JSON.parse(text);
  }

  /** Gives a remote's new connection everything that is sent. */
  attachAll(peer) {
    for (const [track, entry] of this.#sent) this.#attach(peer, track, entry);
  }

  /** Tells a remote once more what it may never have heard. */
  describeAll(peer) {
    for (const [track, entry] of this.#sent) this.#describe(peer, track, entry, entry.silent);
  }

  #attach(peer, track, entry) {
    const { pc } = peer;
    // A closed connection is about to be replaced.
    if (!pc || pc.signalingState === "closed" || entry.silent) return;
    this.#describe(peer, track, entry);
    try {
      entry.senders.set(pc, entry.stream ? pc.addTrack(track, entry.stream) : pc.addTrack(track));
    } catch (err) {
      this.#host._log(2, "a connection does not take a track");
      peer.emit("negotiation-error", { err: scrubbed(err) });
    }
  }

  #describe(peer, track, entry, clear) {
    if (entry.text) peer._describe(track, entry.stream, clear ? undefined : entry.text);
  }

  #take(track) {
    const entry = this.#sent.get(track);
    if (!entry) return;
    this.#sent.delete(track);
    for (const peer of this.#host.remotes) {
      this.#describe(peer, track, entry, true);
      const sender = entry.senders.get(peer.pc);
      try {
        if (sender) peer.pc.removeTrack(sender);
      } catch {
        // A connection that is closed sends nothing.
      }
    }
  }

  #move(entry, from, to, silent) {
    this.#sent.delete(from);
    this.#sent.set(to, entry);
    entry.silent = silent;
  }

  /** What is known of a track, if it is sent and not silenced. */
  #entry(track) {
    const entry = this.#sent.get(track);
    return entry?.silent ? undefined : entry;
  }

  #encode(metadata) {
    const text = encodePayload(metadata, "metadata");
    if (text[0] !== "{") throw errors.invalid("metadata", "must be an object", metadata);
    const [size, cap] = [utf8Length(text) + ENVELOPE_BYTES, this.#host.maxMessageSize];
    if (size > cap) throw new MeteredPeerOversizedError(size, cap);
    return text;
  }

  /** Throws, for the method, if the room is being left. */
  mustBeOpen(method) {
    const { state } = this.#host;
    if (state === "leaving" || state === "closed") throw errors.state({ method, state, isRoom: true });
  }
}

/** What one remote sends us. */
export class Incoming {
  #peer;
  /** What the remote said, by its track ids, oldest first. */
  #described = new Map();
  /** Which track that was found to be about. */
  #found = new WeakMap();
  /** By stream id: the stream, and its tracks that still come, each with what ends it. */
  #streams = new Map();

  constructor(peer) {
    this.#peer = peer;
  }

  /** The remote says something about a track, or takes back what it said. */
  describe(trackId, kind, streamId, metadata) {
    this.#described.delete(trackId);
    if (metadata === undefined) return;
    this.#described.set(trackId, { kind, streamId, metadata });
    if (this.#described.size > MAX_DESCRIBED_TRACKS) this.#described.delete(this.#described.keys().next().value);
  }

  /** The connection has a new track, or an old one again. */
  arrived({ track, streams = [], transceiver }) {
    const metadata = this.#metadataOf(track, streams[0]);
    const described = metadata && { metadata };
    const added = streams.filter(({ id }) => !this.#streams.has(id));
    for (const stream of streams) this.#keep(stream, track, transceiver);
    this.#peer.emit("track", { track, streams, ...described });
    for (const stream of added) this.#peer.emit("stream-added", { stream, ...described });
  }

  /**
   * The sides have agreed on something: tracks that are received no more have gone. Browsers say so by `removetrack` as
   * well, `@roamhq/wrtc` says nothing.
   */
  agreed() {
    for (const { tracks } of [...this.#streams.values()]) {
      for (const [track, { transceiver }] of tracks) {
        if (/^(sendonly|inactive|stopped)$/.test(transceiver?.currentDirection)) this.#gone(track);
      }
    }
  }

  /** The connection is closed, which is no news of its tracks. */
  release() {
    for (const { tracks, detach } of this.#streams.values()) {
      detach();
      for (const { detach } of tracks.values()) detach();
    }
  }

  /** There is another connection: everything comes again. */
  renew() {
    this.#streams.clear();
    this.#found = new WeakMap();
  }

  /** The remote has left, and its streams with it. */
  end() {
    const streams = [...this.#streams.values()];
    this.renew();
    for (const { stream } of streams) this.#peer.emit("stream-removed", { stream });
  }

  #metadataOf(track, stream) {
    let about = this.#described.get(track.id);
    // Of several that may be meant the first that is not another track's: tracks come in the order of their signals.
    about ??= [...this.#described.values()].find((other) =>
      other.kind === track.kind && other.streamId === stream?.id && (this.#found.get(other) ?? track) === track);
    if (about) this.#found.set(about, track);
    return about?.metadata;
  }

  #keep(stream, track, transceiver) {
    const known = this.#streams.get(stream.id) ?? {
      stream,
      tracks: new Map(),
      detach: hear(stream, { removetrack: (event) => this.#gone(event.track, stream) }),
    };
    this.#streams.set(stream.id, known);
    if (known.tracks.has(track)) return;
    known.tracks.set(track, { transceiver, detach: hear(track, { ended: () => this.#gone(track) }) });
  }

  /** A track of one stream has gone, or of all. */
  #gone(track, from) {
    for (const [id, { stream, tracks, detach }] of [...this.#streams]) {
      if (from && from !== stream) continue;
      tracks.get(track)?.detach();
      if (!tracks.delete(track) || tracks.size > 0) continue;
      detach();
      this.#streams.delete(id);
      this.#peer.emit("stream-removed", { stream });
    }
  }
}
