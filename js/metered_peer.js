// `MeteredPeer`: one room, and a connection to everybody in it.

import { Emitter } from "./emitter.js";
import { errors, MeteredPeerSendError } from "./errors.js";
import { BROADCAST, CLOSE, Host, JOIN, SEND_TO } from "./host.js";
import { mustBeStream, mustBeTrack } from "./media.js";
import { option, parseOptions } from "./options.js";

/** Refuses an argument that cannot be meant, by the code that the methods of a room have for it. */
const check = (isValid, argument, must, got) => {
  if (!isValid) throw new MeteredPeerSendError("invalid_args", errors.invalid(argument, must, got).message);
};

const checkData = (data) => check(data !== undefined, "data", "must be a JSON value", data);

export class MeteredPeer extends Emitter {
  #host;

  constructor(options) {
    const parsed = parseOptions(options, true);
    // A room that is not entered again is none.
    if (!parsed.autoResubscribe) throw errors.invalid("autoResubscribe", "must be true in a room", false);
    super(parsed.logger);
    this.#host = new Host(this, parsed, true);
  }

  get state() {
    return this.#host.state;
  }

  get peerId() {
    return this.#host.peerId ?? null;
  }

  get channel() {
    return this.#host.channel ?? null;
  }

  get remotePeers() {
    return this.#host.remotes;
  }

  remotePeer(peerId) {
    return this.remotePeers.find(({ id }) => id === peerId);
  }

  join(channel, options) {
    return this.#host.enter(JOIN, options, channel);
  }

  async joined(channel, options) {
    await this.join(channel, options);
    return this;
  }

  async send(data, options) {
    checkData(data);
    return this.#host.send(BROADCAST, options, data);
  }

  async sendTo(peerId, data, options) {
    check(typeof peerId === "string" && peerId !== "", "peerId", "must be a string that is not empty", peerId);
    checkData(data);
    return this.#host.send(SEND_TO, options, data, "peerId", peerId);
  }

  async getStats() {
    const remotes = this.remotePeers;
    const stats = await Promise.allSettled(remotes.map((remote) => remote.getStats()));
    const known = remotes.map(({ id }, at) => [id, stats[at].value]).filter(([, value]) => value);
    return { latencyMs: this.#host.latencyMs, peers: new Map(known) };
  }

  publishDataTrack(options) {
    return this.#host.tracks.publish(options);
  }

  async setDataTrackKey(key, options) {
    return this.#host.tracks.keys.set(key, option(options, "keyId", "number"));
  }

  addStream(stream, metadata) {
    mustBeStream(stream);
    this.#host.media.add("addStream", stream.getTracks(), stream, metadata ?? undefined);
  }

  removeStream(stream) {
    mustBeStream(stream);
    this.#host.media.remove("removeStream", this.#host.media.tracksOf(stream));
  }

  addTrack(track, stream, metadata) {
    mustBeTrack("track", track);
    if (stream != null) mustBeStream(stream);
    this.#host.media.add("addTrack", [track], stream ?? undefined, metadata ?? undefined);
  }

  removeTrack(track) {
    mustBeTrack("track", track);
    this.#host.media.remove("removeTrack", [track]);
  }

  async replaceTrack(oldTrack, newTrack) {
    mustBeTrack("oldTrack", oldTrack);
    if (newTrack !== null) mustBeTrack("newTrack", newTrack);
    return this.#host.media.replace(oldTrack, newTrack);
  }

  getTrackMetadata(track) {
    return this.#host.media.metadataOf(track);
  }

  getStreamMetadata(stream) {
    mustBeStream(stream);
    return this.#host.media.metadataOf(this.#host.media.tracksOf(stream)[0]);
  }

  close(reason) {
    return this.#host.call(CLOSE, undefined, undefined, reason === undefined ? undefined : String(reason), 1000);
  }

  toJSON() {
    return { state: this.state, peerId: this.peerId, channel: this.channel };
  }
}
