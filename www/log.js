// The event log: what the package tells, and what was asked of it, in words, with the time.

import { addLine, at, clock, element } from "./dom.js";

/**
 * Writes a line. `kind` is what its colour tells: "you" for what the user did, "good" for what works again, "bad" for what
 * does not, nothing for news.
 */
export const note = (text, kind = "news") => {
  addLine(at("events"), element("li", { "data-kind": kind }, clock(), element("span", {}, text)));
};

/** Where the package's warnings and errors go. */
export const logger = {
  warn: (message) => note(`Warning: ${message}`, "bad"),
  error: (message) => note(`Error: ${message}`, "bad"),
};
