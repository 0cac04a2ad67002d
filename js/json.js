// What src/json.rs reads of what `JSON.parse` made, each in one step: every value that crosses over costs more than
// looking at it here.

/** Whether a value is an object and not an array. */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The named field of an object. */
export const field = (value, name) => (typeof value === "object" && value !== null ? value[name] : undefined);

/** The named field of an object, if it is a string. */
export const text = (value, name) => {
  const found = field(value, name);
  return typeof found === "string" ? found : undefined;
};

/**
 * Makes a list of a frame the list of peers that it names, of as many as `max` of its items, without what else is in
 * them, and answers their ids, each with a line feed behind it. An id that has one itself is none.
 */
export const peers = (frame, name, max) => {
  let ids = "";
  const list = field(frame, name);
  frame[name] = [];
  if (!Array.isArray(list)) return ids;
  for (const item of list.length > max ? list.slice(0, max) : list) {
    if (!isObject(item)) continue;
    const { peerId, metadata } = item;
    if (typeof peerId !== "string" || peerId.includes("\n")) continue;
    ids += peerId + "\n";
    frame[name].push(isObject(metadata) ? { peerId, metadata } : { peerId });
  }
  return ids;
};

/** The metadata of one of those peers. */
export const metadata = (list, at) => list[at].metadata;
