// The keys of a room's data tracks, and what is done with them: AES-256-GCM with a key of its own for each track, derived
// by HKDF from the room's key and from who publishes what. A frame's number is the nonce. The platform's WebCrypto does it.
//
// DTLS protects frames between two peers already. This protects them from a server that puts itself between the two, which
// it can, since it carries the fingerprints by which they know each other. So the room's key must not come by its way.

import { errors } from "./errors.js";
import { bytesOf } from "./payload.js";

const HKDF = { name: "HKDF", hash: "SHA-256", salt: new TextEncoder().encode("metered data track") };
const TAG_BITS = 128;

/** 96 bits, as AES-GCM wants it. */
const nonce = (number) => {
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setUint32(8, number);
  return iv;
};

/** What tells the key of a track from those of others. */
const infoOf = (publisher, sid) => JSON.stringify([publisher, sid]);

export class DataTrackKeys {
  /** By their ids. */
  #keys = new Map();
  /** The id of the key that frames are encrypted with. */
  latest;

  /** Takes a key of the room, a text or bytes, in the place of the one that had its id. */
  async set(key, keyId = 0) {
    const bytes = typeof key === "string" ? new TextEncoder().encode(key) : bytesOf(key);
    if (!bytes?.length) {
      throw errors.invalid("key", "must be a string or bytes, and not empty", key);
    }
    if (!(Number.isInteger(keyId) && keyId >= 0 && keyId <= 255)) {
      throw errors.invalid("keyId", "must be an integer from 0 to 255", keyId);
    }
    const { subtle } = globalThis.crypto ?? {};
    if (!subtle) throw errors.named("NotSupportedError", "there is no crypto.subtle here: a page needs a secure context");
    const room = await subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
    // What is derived from it is kept with it.
    this.#keys.set(keyId, { room, tracks: new Map() });
    this.latest = keyId;
  }

  /** The key of a track, by the key of the room with this id. */
  #of(keyId, publisher, sid) {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw errors.named("NotFoundError", `there is no data track key ${keyId}`);
    const info = infoOf(publisher, sid);
    let derived = key.tracks.get(info);
    if (derived === undefined) {
      const algorithm = { ...HKDF, info: new TextEncoder().encode(info) };
      const aes = { name: "AES-GCM", length: 256 };
      derived = crypto.subtle.deriveKey(algorithm, key.room, aes, false, ["encrypt", "decrypt"]);
      key.tracks.set(info, derived);
    }
    return derived;
  }

  /** Forgets what was derived for a track. */
  forget(publisher, sid) {
    for (const { tracks } of this.#keys.values()) tracks.delete(infoOf(publisher, sid));
  }

  /** Encrypts or decrypts, as `operation` says, the payload of a frame. */
  async apply(operation, keyId, publisher, sid, number, additionalData, payload) {
    const key = await this.#of(keyId, publisher, sid);
    const gcm = { name: "AES-GCM", iv: nonce(number), additionalData, tagLength: TAG_BITS };
    return new Uint8Array(await crypto.subtle[operation](gcm, key, payload));
  }
}
