// Errors of the platform may quote what they choked on: an address with its credential, or a session description.

/** A value in quotes, which may themselves be escaped, to its end; or what stands there to the next separator. */
const VALUE = String.raw`(?:"(?:[^"\\]|\\[^])*(?:"|\\?$)|'(?:[^'\\]|\\[^])*(?:'|\\?$)|(\\+["'])[^]*?(?:\2(?=\s*[,}\]])|$)|[^\s&,;}]+)`;

const SECRETS = new RegExp(
  String.raw`([?&](?:key|token|resume)=|ice-(?:ufrag|pwd):|credential\\*["']?\s*[:=]\s*)${VALUE}`,
  "gi",
);

const clean = (text) => text.replace(SECRETS, "$1***");

/** Whether a text of the error's own, or the message of its cause, has a credential: Node's errors keep the address apart. */
const tells = (error) => {
  const texts = Object.values(Object.getOwnPropertyDescriptors(error)).map(({ value }) => value);
  return [...texts, error.cause?.message].some((text) => typeof text === "string" && clean(text) !== text);
};

/** An error without credentials in what it says: itself where there are none. */
export const scrubbed = (error) => {
  if (typeof error === "string") return clean(error);
  const message = error?.message;
  if (typeof message !== "string" || (clean(message) === message && !tells(error))) return error;
  const copy = new Error(clean(message));
  // The stack begins with the message.
  copy.stack = undefined;
  return Object.defineProperty(copy, "name", { value: error.name, writable: true, configurable: true });
};
