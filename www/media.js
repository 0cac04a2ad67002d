// The streams that we send: a camera, a screen, and a test picture that needs neither.

import { note } from "./log.js";
import { testPicture } from "./test-picture.js";

/** Each source: what it is called, and how its stream is got. */
export const SOURCES = {
  camera: { label: "Camera", open: () => navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } }) },
  screen: { label: "Screen", open: () => navigator.mediaDevices.getDisplayMedia({ video: true }) },
  picture: { label: "Test picture", open: async () => testPicture() },
};

export class Media {
  #peer;
  #owner;
  #onChange;
  #streams = new Map();
  #isClosed = false;

  /** `owner` is whose streams they are; `onChange(role, stream, label)` is told each stream that begins, and its end. */
  constructor(peer, owner, onChange) {
    this.#peer = peer;
    this.#owner = owner;
    this.#onChange = onChange;
  }

  /** Begins to send a source, or stops. */
  async toggle(role) {
    if (this.#streams.has(role)) return this.#stop(role);
    const { label, open } = SOURCES[role];
    let stream;
    // Until there is a stream the place is taken, so that nobody asks twice.
    this.#streams.set(role, undefined);
    try {
      stream = await open();
    } catch (error) {
      this.#streams.delete(role);
      return note(`${label}: ${navigator.mediaDevices ? error.message : "the browser gives none to a page without HTTPS"}.`, "bad");
    }
    if (this.#isClosed || !this.#streams.has(role)) return halt(stream);
    this.#streams.set(role, stream);
    // The browser ends a screen by a button of its own, and a camera that is unplugged.
    stream.getTracks()[0].addEventListener("ended", () => this.#streams.get(role) === stream && this.#stop(role));
    this.#peer.addStream(stream, { role, label: `${this.#owner}’s ${label.toLowerCase()}` });
    this.#onChange(role, stream, label);
    return note(`${label}: you send it to everybody in the room.`, "you");
  }

  close() {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) if (stream) halt(stream);
  }

  #stop(role) {
    const stream = this.#streams.get(role);
    this.#streams.delete(role);
    if (stream === undefined) return;
    this.#peer.removeStream(stream);
    halt(stream);
    this.#onChange(role, undefined);
    note(`${SOURCES[role].label}: you do not send it any more.`, "you");
  }
}

const halt = (stream) => {
  for (const track of stream.getTracks()) track.stop();
};
