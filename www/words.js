// What the demo's peers say to each other by way of the server: their names, and the chat. It comes from anybody: what is
// not understood is nothing.

import { clean } from "./text.js";

export const LONGEST_NAME = 40;
export const LONGEST_TEXT = 2000;

export const nameMessage = (name) => ({ type: "name", name });
export const chatMessage = (text) => ({ type: "chat", text });

/** A message as `{name}` or `{text}`, or undefined for what is none. */
export const read = (data) => {
  if (typeof data !== "object" || data === null) return undefined;
  const name = data.type === "name" ? clean(data.name, LONGEST_NAME) : "";
  const text = data.type === "chat" ? clean(data.text, LONGEST_TEXT) : "";
  return name ? { name } : text ? { text } : undefined;
};
