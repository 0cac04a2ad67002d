// What src/json.rs reads of what `JSON.parse` made, each in one step: every value that crosses over costs more than
// looking at it here.

/** Whether a value is an object and not an array. */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The named field of an object. What is none has no field by a name of the wire's. */
export const field = (value, name) => value?.[name];

/** The named field of an object, or without a name the value itself, if it is a string. */
export const text = (value, name) => {
  const found = name === undefined ? value : value?.[name];
  return typeof found === "string" ? found : undefined;
};

/** The value if it is a number, which in JSON is never NaN. */
export const number = (value) => (typeof value === "number" ? value : NaN);

/**
 * Leaves in a list of a frame only the peers among its first `max` items, with their ids and metadata only, and answers
 * the ids, each with a line feed behind it. An id that has one itself is none.
 */
export const peers = (frame, name, max) => {
  let ids = "";
  const list = Array.isArray(frame[name]) ? frame[name] : (frame[name] = []);
  if (list.length > max) list.length = max;
  let kept = 0;
  for (const item of list) {
    const { peerId, metadata } = item ?? {};
    if (typeof peerId !== "string" || peerId.includes("\n")) continue;
    ids += `${peerId}\n`;
    list[kept++] = isObject(metadata) ? { peerId, metadata } : { peerId };
  }
  list.length = kept;
  return ids;
};

/** The metadata of one of them. */
export const metadata = (peers, at) => peers[at].metadata;

/** Takes one of them out again. */
export const remove = (peers, at) => {
  peers.splice(at, 1);
};
