// What the platform says of its own accord, and how one listens to it.

/** Adds listeners to a native object; answers the function that removes them again. */
export const listen = (target, listeners) => {
  for (const name in listeners) target.addEventListener(name, listeners[name]);
  return () => {
    try {
      for (const name in listeners) target.removeEventListener(name, listeners[name]);
    } catch {
      // An object that does not let go of its listeners is broken, which must not break what follows.
    }
  };
};

/**
 * Calls `check` when there is reason to look at a connection: the network is back, or the page is in front again, out of
 * a background in which timers slept. Where there is no such event, in Node, it never does. Answers the function that
 * ends it.
 */
export const watchPlatform = (check) => {
  const { document } = globalThis;
  const whenVisible = () => document.visibilityState === "visible" && check();
  const ends = [
    globalThis.addEventListener && listen(globalThis, { online: check, pageshow: check }),
    document?.addEventListener && listen(document, { visibilitychange: whenVisible, resume: check }),
  ];
  return () => ends.forEach((end) => end?.());
};
