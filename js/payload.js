// What a data channel can send, and how many bytes that is.

export const utf8Length = (text) => {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes; everything else above U+07FF is one unit and three.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
};

/** By shape, as everything of the platform's. */
export const isBlob = (data) => typeof data?.arrayBuffer === "function" && data.size >= 0;

/** Bytes that a data channel sends for a payload; undefined for what it cannot send. */
export const payloadBytes = (data) =>
  typeof data === "string" ? utf8Length(data)
  : ArrayBuffer.isView(data) || data instanceof ArrayBuffer ? data.byteLength
  : isBlob(data) ? data.size
  : undefined;

/** The bytes of an ArrayBuffer or of a view of one; undefined for anything else. */
export const bytesOf = (data) =>
  ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  : data instanceof ArrayBuffer ? new Uint8Array(data)
  : undefined;

/** A payload as it is now, for later: its owner may change it meanwhile. */
export const snapshot = (data) => bytesOf(data)?.slice() ?? data;
