// The end of a process in which `@roamhq/wrtc` would crash, or go on for ever.

/** Ends the process without taking its native objects apart, once the test runner, which waits for the same event, has said its last. */
export const leaveNativeObjects = () => {
  process.once("beforeExit", () => {
    setImmediate(() => process.once("beforeExit", () => process.exit()));
  });
};
