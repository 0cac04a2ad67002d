// Errors of the platform may quote what they choked on: an address with its credential, or a session description.

const SECRETS = /([?&](?:key|token|resume)=|ice-(?:ufrag|pwd):|credential["']?\s*[:=]\s*)[^\s&,;}]+/gi;

/** An error without credentials in its message: itself where there are none. */
export const scrubbed = (error) => {
  const message = error?.message;
  if (typeof message !== "string" || message.search(SECRETS) < 0) return error;
  const copy = new Error(message.replace(SECRETS, "$1***"));
  // The stack begins with the message.
  copy.stack = undefined;
  return Object.defineProperty(copy, "name", { value: error.name, writable: true, configurable: true });
};
