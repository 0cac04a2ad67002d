// Import this first, and time passes ten times as fast for the JavaScript of this process: what waits for 15 s
// waits for 1.5 s. Native code keeps its own time.

const FACTOR = 10;

const now = performance.now.bind(performance);
performance.now = () => now() * FACTOR;

const { setTimeout: after } = globalThis;
globalThis.setTimeout = (handler, delay = 0, ...args) => after(handler, delay / FACTOR, ...args);
