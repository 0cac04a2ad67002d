// `RemotePeer`: somebody else in the room. One object for as long as they stay, whatever becomes of the connection.

import { Emitter } from "./emitter.js";
import { errors } from "./errors.js";
import { DataChannel } from "./data_channel.js";
import { SEND_TO } from "./host.js";
import { Incoming } from "./media.js";
import { LastingChannel } from "./lasting_channel.js";
import { remember } from "./message_size.js";
import { summarize } from "./stats.js";

export class RemotePeer extends Emitter {
  #host;
  #remote;
  #id;
  #pc;
  #expectNegotiation;
  #left = false;
  #lastMetadata;
  #incoming = new Incoming(this);
  #lasting = new Set();

  constructor(host, remote, id, logger) {
    super(logger);
    this.#host = host;
    this.#remote = remote;
    this.#id = id;
  }

  get id() {
    return this.#id;
  }

  get metadata() {
    return this.#left ? this.#lastMetadata : this.#host.remoteMetadata(this.#remote);
  }

  get state() {
    return this.#host.remoteState(this.#remote);
  }

  get polite() {
    return this.#host.isPolite(this.#remote);
  }

  get pc() {
    return this.#pc;
  }

  async send(data, options) {
    this.#mustBePresent();
    return this.#host.send(SEND_TO, options, data, "peerId", this.#id);
  }

  createDataChannel(label, init = {}) {
    if (typeof label !== "string") throw errors.invalid("label", "must be a string", label);
    this.#mustBePresent();
    if (this.#pc === null) throw errors.named("InvalidStateError", "there is no RTCPeerConnection to this peer");
    // `@roamhq/wrtc` makes a channel of it that never opens.
    if (init.negotiated && init.id == null) throw errors.invalid("id", "must be given for a negotiated channel", init.id);
    const channel = remember(this.#pc.createDataChannel(label, init), this.#pc);
    this.#expectNegotiation();
    return channel;
  }

  openDataChannel(label, init) {
    const lasting = new LastingChannel(this, label, { ...init }, this.#lasting);
    const channel = new DataChannel(lasting, init);
    lasting.open();
    return channel;
  }

  get dataTracks() {
    return this.#host.tracks.of(this.#remote);
  }

  async getStats() {
    this.#mustBePresent();
    return summarize(await this.#pc?.getStats?.());
  }

  toJSON() {
    return { id: this.id, state: this.state };
  }

  /** For the host: what this peer sends us. */
  get _incoming() {
    return this.#incoming;
  }

  /** For the media that we send: tells this peer about a track. */
  _describe(track, stream, metadata) {
    this.#host.describeTrack(this.#remote, track, stream, metadata);
  }

  /** For the host: the connection is another one. */
  _replaceConnection(pc, expectNegotiation) {
    this.#pc = pc;
    this.#expectNegotiation = expectNegotiation;
    this.#incoming.renew();
  }

  /** For the host: whoever looks finds the new connection now. */
  _reopenChannels() {
    for (const channel of [...this.#lasting]) channel.reopen();
  }

  /** For the host: the peer has left, with this metadata. */
  _leave(metadata) {
    this.#left = true;
    this.#lastMetadata = metadata;
    this.#incoming.end();
    for (const channel of [...this.#lasting]) channel.close();
  }

  #mustBePresent() {
    if (this.#left) throw errors.named("InvalidStateError", "the remote peer has left");
  }
}
