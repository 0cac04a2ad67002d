// A data track on either side, and the stream of its frames. What becomes of a frame is decided in the core
// (crates/core/src/data_tracks.rs); here are the objects that people hold.

import { errors, PushFrameError, SubscribeDataTrackError } from "./errors.js";
import { abortSignal, atLeast } from "./options.js";
import { asyncDispose } from "./emitter.js";
import { bytesOf } from "./payload.js";
import { listen } from "./platform.js";

const DEFAULT_BUFFER_SIZE = 16;

/** Nobody has subscribed: the first of what src/tracks.rs answers instead of a frame number. */
const NOBODY = -1;
const PUSH_REFUSALS = { "-2": "unpublished", "-3": "too_fast", "-4": "too_large", "-5": "exhausted" };
/** Why a stream has ended, by the core's numbers. */
const ENDS = ["unpublished", "disconnected", "refused"];

export class LocalDataTrack {
  #tracks;
  #handle;
  #lastCounts;
  #pushing;
  info;

  /** For the room: `tracks` is its `DataTracks`. */
  constructor(tracks, handle, info) {
    this.#tracks = tracks;
    this.#handle = handle;
    this.info = Object.freeze(info);
  }

  isPublished() {
    return this.#tracks.isPublished(this);
  }

  tryPush(frame) {
    const { payload, userTimestamp } = frame ?? {};
    const bytes = payload instanceof Uint8Array ? payload : bytesOf(payload);
    if (bytes === undefined) throw errors.invalid("payload", "must be a Uint8Array", payload);
    if (userTimestamp !== undefined && !(typeof userTimestamp === "bigint" && BigInt.asUintN(64, userTimestamp) === userTimestamp)) {
      throw errors.invalid("userTimestamp", "must be a bigint of 64 bits that is not negative", userTimestamp);
    }
    const core = this.#tracks._coreFor(this);
    const number = core.reserve(this.#handle, bytes.byteLength);
    if (number === NOBODY) return;
    if (number < 0) throw new PushFrameError(PUSH_REFUSALS[number]);
    if (this.info.usesE2ee) this.#pushing = this.#tracks._encrypt(this.#pushing, this.#handle, this.info.sid, number, userTimestamp, new Uint8Array(bytes));
    else core.submit(this.#tracks, this.#handle, number, undefined, userTimestamp, bytes);
  }

  async unpublish() {
    this.#tracks._unpublish(this, this.#handle);
  }

  get stats() {
    const [framesPushed, framesSent, framesDropped, subscribers] = this.#lastCounts ?? this.#tracks.counts(this.#handle);
    return { framesPushed, framesSent, framesDropped, subscribers: this.#lastCounts ? 0 : subscribers };
  }

  /** For the room: from now on the handle may be another track's. */
  _end() {
    this.#lastCounts = this.#tracks.counts(this.#handle);
  }

  toJSON() {
    return { ...this.info, isPublished: this.isPublished() };
  }
}

export class RemoteDataTrack {
  #tracks;
  #remote;
  #handle;
  #undecryptable = 0;
  #lastCounts;
  info;
  publisherIdentity;

  /** For the room: `remote` is the core's number of the publisher. */
  constructor(tracks, remote, publisherIdentity, handle, info) {
    this.#tracks = tracks;
    this.#remote = remote;
    this.#handle = handle;
    this.publisherIdentity = publisherIdentity;
    this.info = Object.freeze(info);
  }

  isPublished() {
    return this.#lastCounts === undefined;
  }

  subscribe(options) {
    const capacity = atLeast(options, "bufferSize", 0) ?? DEFAULT_BUFFER_SIZE;
    const signal = abortSignal(options);
    const id = signal?.aborted || !this.isPublished() ? undefined : this.#tracks.subscribe(this.#remote, this.#handle, capacity);
    return new DataTrackStream(this.#tracks, this, id, signal);
  }

  get stats() {
    const counts = this.#lastCounts ?? this.#tracks.counts(this.#handle, this.#remote);
    const [framesReceived, framesOverflowed, packetsLate, framesIncomplete] = counts;
    return { framesReceived, framesOverflowed, packetsLate, framesIncomplete, framesUndecryptable: this.#undecryptable };
  }

  toJSON() {
    return { ...this.info, publisherIdentity: this.publisherIdentity, isPublished: this.isPublished() };
  }

  /** For the room: from now on the handle may be another track's. */
  _end(counts) {
    this.#lastCounts = counts;
  }

  /** For a stream: what a frame says that is encrypted or should be; undefined if that cannot be known. */
  async _open({ payload, keyId, number, associatedData, ...rest }) {
    try {
      // Never what anybody could have written: a track is encrypted or it is not.
      if (keyId === undefined || !this.info.usesE2ee) throw errors.named("DataError", "the frame is not encrypted as its track is");
      const { sid } = this.info;
      return { payload: await this.#tracks.keys.apply("decrypt", keyId, this.publisherIdentity, sid, number, associatedData, payload), ...rest };
    } catch (err) {
      this.#undecryptable += 1;
      this.#tracks._undecryptable(this.#remote, this, err);
      return undefined;
    }
  }
}

export class DataTrackStream {
  #tracks;
  #track;
  #id;
  #detach;
  #wake;
  /** Reads one after another, in the order they were asked for. */
  #reading = Promise.resolve();
  #failure;
  #readable;
  endReason;

  /** For the track: `id` is the core's number, undefined if there is nothing to read. */
  constructor(tracks, track, id, signal) {
    this.#tracks = tracks;
    this.#track = track;
    this.#id = id;
    const abort = () => this.#end("aborted", signal.reason);
    if (signal?.aborted) return abort();
    if (id === undefined) return this._end(0, true);
    tracks._streams.set(id, this);
    this.#detach = signal && listen(signal, { abort });
  }

  read() {
    const next = this.#reading.then(() => this.#next());
    this.#reading = next.catch(() => {});
    return next;
  }

  async next() {
    const value = await this.read();
    return value === null ? { value: undefined, done: true } : { value, done: false };
  }

  async return(value) {
    this.close();
    return { value, done: true };
  }

  get readable() {
    this.#readable ??= new ReadableStream(
      {
        pull: async (controller) => {
          const frame = await this.read();
          if (frame === null) controller.close();
          else controller.enqueue(frame);
        },
        cancel: () => this.close(),
      },
      // Frames wait in the stream's own buffer, which drops the oldest, and nowhere else.
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  close() {
    this.#end("closed");
  }

  async #next() {
    while (this.endReason === undefined) {
      const frame = this.#tracks.take(this.#id);
      if (frame === undefined) {
        await new Promise((resolve) => { this.#wake = resolve; });
        continue;
      }
      const opened = frame.keyId === undefined && !this.#track.info.usesE2ee ? frame : await this.#track._open(frame);
      if (opened !== undefined && this.endReason === undefined) return opened;
    }
    if (this.#failure === undefined) return null;
    const { reason } = this.#failure;
    this.#failure = undefined;
    throw reason;
  }

  #end(endReason, failure) {
    if (this.endReason !== undefined) return;
    this.endReason = endReason;
    if (failure !== undefined) this.#failure = { reason: failure };
    this.#detach?.();
    this.#tracks._closeStream(this.#id);
    this._ready();
  }

  /** For the room: there is a frame, or the end. */
  _ready() {
    this.#wake?.();
  }

  /** For the room: the core has ended the stream. */
  _end(why, wasNever = false) {
    const reason = ENDS[why];
    this.#end(reason, reason === "unpublished" && !wasNever ? undefined : new SubscribeDataTrackError(reason));
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [asyncDispose]() {
    this.close();
  }
}
