// A data channel as WHATWG streams. A data channel cannot ask the other side to pause, so a stream that is not read
// ends with an error when too much waits in it: it never holds more than its bound, and never skips a message.

import { DataChannelReadOverflowError } from "./errors.js";
import { bytesOf, isBlob, payloadBytes } from "./payload.js";

/** What a message that waits weighs besides its bytes, so that empty ones have a bound as well. */
const MESSAGE_BYTES = 64;

/** Messages as a stream that holds `cap` bytes. `forget` is called when it takes no more. */
export const readable = (cap, forget) => {
  let controller;
  let failure;
  // What came before a failure is still read.
  const pull = () => failure && controller.desiredSize === cap && controller.error(failure);
  const source = {
    start(its) {
      controller = its;
    },
    pull,
    cancel: forget,
  };
  const end = (error) => {
    forget();
    failure = error;
    if (error) pull();
    else controller.close();
  };
  return {
    stream: new ReadableStream(source, { highWaterMark: cap, size: (data) => payloadBytes(data) + MESSAGE_BYTES }),
    take(data) {
      if (controller.desiredSize <= 0) end(new DataChannelReadOverflowError(cap));
      else controller.enqueue(typeof data === "string" ? data : new Uint8Array(data));
    },
    end,
  };
};

/** A stream whose chunks are sent. `maxBytes` answers how many bytes may be one message. */
export const writable = (send, maxBytes, forget) => {
  let controller;
  const sink = {
    start(its) {
      controller = its;
    },
    async write(chunk) {
      const size = payloadBytes(chunk);
      const most = maxBytes();
      // What is no text and no bytes is for `send` to refuse. Text has to arrive whole.
      if (typeof chunk === "string" || !(size > most)) return send(chunk);
      const bytes = isBlob(chunk) ? chunk : bytesOf(chunk);
      for (let at = 0; at < size; at += most) {
        controller.signal?.throwIfAborted();
        await send(bytes.slice(at, at + most));
      }
    },
    close: forget,
    abort: forget,
  };
  return {
    stream: new WritableStream(sink),
    end(error) {
      forget();
      controller.error(error);
    },
  };
};
