// Words and figures for people.

/** Characters that are no text, or that turn the direction of the text around them. */
const UNWANTED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** What somebody else wrote, as one line of at most `longest` characters; "" for what is no text. */
export const clean = (text, longest) =>
  typeof text === "string" ? [...text.slice(0, 4 * longest).replace(UNWANTED, " ").trim()].slice(0, longest).join("") : "";

/** Peer ids are long; their beginnings tell them apart well enough. */
export const short = (id) => id.slice(0, 8);

const UNITS = ["B", "kB", "MB", "GB"];

/** 1234567 → "1.2 MB". */
export const bytes = (count) => {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)));
  const value = count / 1000 ** step;
  return `${value.toFixed(step > 0 && value < 99.5 ? 1 : 0)} ${UNITS[step]}`;
};

/** 75 → "1 min 15 s". */
export const seconds = (count) => {
  const whole = Math.max(1, Math.ceil(count));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

/** Milliseconds, with a decimal where it matters. */
export const milliseconds = (count) => `${count.toFixed(count < 10 ? 1 : 0)} ms`;

/** A random entry of a list. */
const any = (list) => list[Math.floor(Math.random() * list.length)];

/** A name for somebody who has not given one. */
export const proposedName = () =>
  `${any(["Amber", "Brave", "Calm", "Clever", "Eager", "Gentle", "Lucky", "Quiet", "Sunny", "Swift"])} ${any(["Badger", "Crane", "Finch", "Fox", "Heron", "Lynx", "Otter", "Robin", "Seal", "Wren"])}`;

/** A name for a room that probably nobody is in. */
export const proposedRoom = () =>
  `${any(["tea", "garden", "harbour", "attic", "studio", "river"])}-${any(["kitchen", "table", "corner", "house", "lamp", "bridge"])}-${Math.floor(1000 + 9000 * Math.random())}`;
