// The data tracks of a room, between the core's machine (src/tracks.rs) and the pairs of channels that carry them. It
// decides nothing.

import { answers, taken } from "./asking.js";
import { DataTrackKeys } from "./data_track_keys.js";
import { LocalDataTrack, RemoteDataTrack } from "./data_track.js";
import { errors, PushFrameError } from "./errors.js";
import { option } from "./options.js";
import { listen } from "./platform.js";

// What happened, as src/tracks.rs numbers it.
const JOINED = 22;
const LEFT = 23;
const ANNOUNCED = 24;
const SIGNALS_LOST = 25;
const REPLACED = 26;
const OPENED = 27;
const CLOSED = 28;
const CONTROL = 29;
const WRITABLE = 30;
const UNPUBLISH = 31;
const CLOSE_STREAM = 32;
const ABANDON = 33;
const PUBLISH = 34;
const SUBSCRIBE = 35;
const TAKE = 36;

// What became of the frames of a track of ours, and of a remote's, as src/client.rs numbers it.
const SEND_COUNTS = 9;
const RECEIVE_COUNTS = 10;

/** `ANNOUNCEMENT_TRACK_ID` of crates/protocol: the media track that is none. */
const ANNOUNCEMENT = { id: "metered:data-tracks", kind: "data" };

/**
 * The channels' ids are high enough to be no automatic ones, and low enough for every stack: Chromium and `@roamhq/wrtc`
 * know those below 1024.
 */
const CONTROL_CHANNEL = ["metered:control", { negotiated: true, id: 1021 }];
const FRAMES_CHANNEL = ["metered:frames", { negotiated: true, id: 1022, ordered: false, maxRetransmits: 0 }];

/** `FRAMES_LOW_WATER` and `FRAMES_RECHECK_MS` of crates/core/src/limits.rs. */
const LOW_WATER = 32 * 1024;
const RECHECK_MS = 10;

/** Longest control message that is read, in UTF-16 code units. */
const MAX_CONTROL_LENGTH = 16 * 1024;

/** Of the reasons why a stream ends. */
const DISCONNECTED = 1;

const PUBLISH_REFUSALS = {
  "-1": "must have 1 to 256 characters",
  "-2": "must not be that of another track of ours",
  "-3": "is one too many: 256 tracks are published",
};

/** What names one life of a room. */
export const randomEpoch = () =>
  [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(16).padStart(8, "0")).join("");

export class DataTracks {
  #host;
  #epoch;
  #links = new Map();
  #locals = new Set();
  /** Remote tracks: by their publishers and names, and by their publishers and handles. */
  #remotes = new Map();
  #handles = new Map();
  core;
  keys = new DataTrackKeys();
  _streams = new Map();

  constructor(host, core, epoch) {
    this.#host = host;
    this.core = core;
    this.#epoch = epoch;
  }

  // ---- what the core asks for, in the order in which src/tracks.rs lists it. Nothing here may throw.

  _announce(remote, metadata) {
    this.#host.describeTrack(remote, ANNOUNCEMENT, undefined, metadata);
  }

  _open(remote) {
    const pc = this.#host.remote(remote)?.pc;
    try {
      const control = pc.createDataChannel(...CONTROL_CHANNEL);
      const frames = pc.createDataChannel(...FRAMES_CHANNEL);
      frames.binaryType = "arraybuffer";
      frames.bufferedAmountLowThreshold = LOW_WATER;
      let told = false;
      const open = () => {
        if (told || control.readyState !== "open" || frames.readyState !== "open") return;
        told = true;
        this.#tell(OPENED, remote);
      };
      const close = () => this.#tell(CLOSED, remote);
      const error = () => {};
      const detach = [
        listen(control, { open, close, error, message: ({ data }) => this.#heard(remote, data) }),
        listen(frames, {
          open, close, error,
          // What else a peer may send is not for `Uint8Array`, which makes zeros out of a text that is a number.
          message: ({ data }) => typeof data === "object" && this.#packet(remote, new Uint8Array(data)),
          bufferedamountlow: () => this.#tell(WRITABLE, remote, undefined, this.buffered(remote)),
        }),
      ];
      this.#links.set(remote, { control, frames, detach });
      // In `@roamhq/wrtc` a channel of a connection that has others is open from the beginning, and fires no event.
      queueMicrotask(() => this.#links.get(remote)?.control === control && open());
    } catch {
      this.#host._log(2, "no data tracks with a peer: the channels could not be made");
    }
  }

  _control(remote, message) {
    this.#send(this.#links.get(remote)?.control, message);
  }

  _blocked(remote) {
    const link = this.#links.get(remote);
    if (link === undefined) return;
    clearTimeout(link.timer);
    link.timer = setTimeout(() => this.#tell(WRITABLE, remote, undefined, this.buffered(remote)), RECHECK_MS);
  }

  _published(remote, handle, name, usesE2ee, epoch) {
    const peer = this.#host.remote(remote);
    const track = new RemoteDataTrack(this, remote, peer.id, handle, { sid: this.#sid(epoch, handle), name, usesE2ee });
    if (!this.#remotes.has(remote)) this.#remotes.set(remote, new Map());
    this.#remotes.get(remote).set(name, track);
    this.#handles.set(`${remote}/${handle}`, track);
    peer.emit("data-track-published", { track });
  }

  _unpublished(remote, handle, ...counts) {
    const track = this.#handles.get(`${remote}/${handle}`);
    this.#handles.delete(`${remote}/${handle}`);
    this.#remotes.get(remote)?.delete(track.info.name);
    track._end(counts);
    this.keys.forget(track.publisherIdentity, track.info.sid);
    this.#host.remote(remote)?.emit("data-track-unpublished", { track });
  }

  _frameReady(stream) {
    this._streams.get(stream)?._ready();
  }

  _streamEnded(stream, why) {
    this._streams.get(stream)?._end(why);
  }

  // ---- what it asks for by name, for every packet and every frame

  packet(remote, bytes) {
    this.#send(this.#links.get(remote)?.frames, bytes);
  }

  buffered(remote) {
    const { frames } = this.#links.get(remote) ?? {};
    return frames?.readyState === "open" ? frames.bufferedAmount : 2 ** 31;
  }

  frame(payload, userTimestamp, keyId, number, associatedData) {
    const frame = { payload: payload.slice() };
    if (userTimestamp !== undefined) frame.userTimestamp = userTimestamp;
    return keyId === undefined ? frame : Object.assign(frame, { keyId, number, associatedData: associatedData.slice() });
  }

  // ---- what the application does

  publish(options) {
    const name = option(options, "name", "string");
    const usesE2ee = option(options, "usesE2ee", "boolean") ?? false;
    if (name === undefined) throw errors.invalid("name", PUBLISH_REFUSALS[-1], name);
    this.#host.media.mustBeOpen("publishDataTrack");
    if (usesE2ee && this.keys.latest === undefined) {
      throw errors.named("InvalidStateError", "an encrypted track needs a key: await setDataTrackKey() first");
    }
    const handle = this.core.tell(this, PUBLISH, 0, Number(usesE2ee), name);
    if (handle < 0) throw errors.invalid("name", PUBLISH_REFUSALS[handle], name);
    const track = new LocalDataTrack(this, handle, { sid: this.#sid(this.#epoch, handle), name, usesE2ee });
    this.#locals.add(track);
    return track;
  }

  /** Subscribes to a track; the core's number of the stream, or undefined if there is no such track. */
  subscribe(remote, handle, capacity) {
    return this.core.tell(this, SUBSCRIBE, remote, handle, capacity);
  }

  /** The next frame of a stream, if there is one. */
  take(stream) {
    return this.core.tell(this, TAKE, stream);
  }

  /** What became of the frames of a track: of a remote's, or of ours without one. */
  counts(handle, remote) {
    if (remote === undefined) this.core.read(SEND_COUNTS, 0, handle);
    else this.core.read(RECEIVE_COUNTS, remote, handle);
    return taken();
  }

  isPublished(local) {
    return this.#locals.has(local);
  }

  /** The tracks of a remote, by their names. */
  of(remote) {
    return new Map(this.#remotes.get(remote));
  }

  /** For a track that is about to push: the core, if anything can be pushed. */
  _coreFor(track) {
    if (!this.#locals.has(track)) throw new PushFrameError("unpublished");
    if (!["joined", "reconnecting"].includes(this.#host.state)) throw new PushFrameError("not_connected");
    return this.core;
  }

  /** Frames leave in the order they were pushed in, whichever is encrypted first: one behind a later one comes for nothing. */
  async _encrypt(before, handle, sid, number, timestamp, payload) {
    try {
      const { latest } = this.keys;
      const associated = this.core.associatedData(handle, number, latest, timestamp);
      const encrypting = this.keys.apply("encrypt", latest, this.#host.peerId, sid, number, associated, payload);
      const [encrypted] = await Promise.all([encrypting, before]);
      this.core.submit(this, handle, number, latest, timestamp, encrypted);
    } catch (err) {
      this.#tell(ABANDON, handle);
      this.#host.emitError(err);
    }
  }

  _unpublish(track, handle) {
    if (!this.#locals.has(track)) return;
    track._end();
    this.#locals.delete(track);
    this.#tell(UNPUBLISH, handle);
    this.keys.forget(this.#host.peerId, track.info.sid);
  }

  _closeStream(stream) {
    if (this._streams.delete(stream)) this.#tell(CLOSE_STREAM, stream);
  }

  _undecryptable(remote, track, err) {
    this.#host.remote(remote)?.emit("data-track-error", { track, err });
  }

  // ---- what the room tells

  joined(remote) {
    this.#tell(JOINED, remote);
  }

  left(remote) {
    this.#close(remote);
    this.#tell(LEFT, remote);
    this.#remotes.delete(remote);
  }

  /** Whether it was an announcement of data tracks, and none of a media track. */
  announced(remote, trackId, metadata) {
    const is = trackId === ANNOUNCEMENT.id;
    if (is) this.#tell(ANNOUNCED, remote, metadata);
    return is;
  }

  signalsLost(remote) {
    this.#tell(SIGNALS_LOST, remote);
  }

  connectionReplaced(remote) {
    this.#close(remote);
    this.#tell(REPLACED, remote);
  }

  /** The room is left for good. */
  end() {
    this.#locals.clear();
    for (const remote of [...this.#links.keys()]) this.#close(remote);
  }

  /** The core has failed, and will not end the streams. */
  abandon() {
    this.end();
    for (const stream of [...this._streams.values()]) stream._end(DISCONNECTED);
  }

  // ---- the channels, and what the core hears of them. When it has failed, the host has told everybody.

  #tell(kind, id, value, number = 0) {
    try {
      this.core.tell(this, kind, id, number, value);
    } catch {
      // See above.
    }
  }

  #packet(remote, bytes) {
    try {
      this.core.handlePacket(this, remote, bytes);
    } catch {
      // See above.
    }
  }

  #sid(epoch, handle) {
    return `DTR_${epoch}_${handle}`;
  }

  #heard(remote, text) {
    let message;
    try {
      if (typeof text === "string" && text.length <= MAX_CONTROL_LENGTH) message = JSON.parse(text);
    } catch {
      // Not JSON.
    }
    this.#tell(CONTROL, remote, message);
  }

  #send(channel, data) {
    try {
      channel.send(data);
    } catch {
      // It is closed, and says so by an event.
    }
  }

  #close(remote) {
    const link = this.#links.get(remote);
    if (link === undefined) return;
    this.#links.delete(remote);
    clearTimeout(link.timer);
    for (const detach of link.detach) detach();
  }
}

answers(DataTracks);
