// The end of a process in which `@roamhq/wrtc` would crash, or go on for ever.
//
// Taken apart with the process, a native connection that still has a channel of the other side, announced and never
// delivered, crashes in its destructor; one that sent a generated track crashes too, or keeps the process alive.

/** Ends the process without taking its native objects apart, once the test runner, which waits for the same event, has said its last. */
export const leaveNativeObjects = () => {
  process.once("beforeExit", () => {
    setImmediate(() => process.once("beforeExit", () => process.exit()));
  });
};
