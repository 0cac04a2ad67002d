// The end of a program that a test has started.

/** The signals by which a program dies of a fault in native code. */
const CRASHES = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGTRAP", "SIGFPE"];

/**
 * The exit code of a child process; undefined if a test killed it. One that crashes in native code, which
 * `@roamhq/wrtc` does now and then whoever drives it, takes this process along in the same way, so that the test run
 * sees a native crash and not a failure of ours.
 */
export const exitCode = (child) => new Promise((resolve) => child.once("close", (code, signal) => {
  if (!CRASHES.includes(signal)) return resolve(code ?? undefined);
  console.error(`native crash: a child process died by ${signal}`);
  process.kill(process.pid, signal);
}));
