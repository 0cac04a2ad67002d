// The listeners of a data channel. A message goes straight to the user's handlers; WebAssembly hears of what
// changes the channel's state.

import { errors } from "./errors.js";

const OPEN = 0;
const CLOSE = 1;
const LOW = 2;

/** Attaches to a channel; answers the function that detaches again. */
export const attach = (channel, emitter, slot) => {
  const listeners = {
    message: (event) => emitter.emit("message", { data: event.data }),
    open: () => slot.callback?.(OPEN),
    close: () => slot.callback?.(CLOSE),
    bufferedamountlow: () => slot.callback?.(LOW),
    error: (event) => emitter.emit("error", { err: event?.error ?? errors.named("DataChannelError", "data channel error") }),
  };
  for (const name in listeners) channel.addEventListener(name, listeners[name]);
  return () => {
    for (const name in listeners) channel.removeEventListener(name, listeners[name]);
  };
};
