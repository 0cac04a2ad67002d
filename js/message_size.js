// How long a message the other side of a data channel takes. A channel does not say: its connection does.

/** What browsers and `@roamhq/wrtc` take. */
const USUAL_SIZE = 262_144;

const connections = new WeakMap();

/** Remembers whose channel it is; answers the channel. */
export const remember = (channel, pc) => {
  // What comes with an event may be anything, and a map like this one takes objects only.
  connections.set(Object(channel), pc);
  return channel;
};

/**
 * The longest message that a channel's other side takes, in bytes. Where nobody says so, the usual one if the channel
 * is open, and any if it is not yet.
 */
export const maxMessageSize = (channel, isOpen) => {
  // Never `pc.sctp.transport`: `@roamhq/wrtc` crashes.
  const size = connections.get(channel)?.sctp?.maxMessageSize;
  return size > 0 ? size : isOpen ? USUAL_SIZE : Infinity;
};
