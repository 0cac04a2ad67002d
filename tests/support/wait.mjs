// Waiting for what is expected to happen, with a limit that fails the test instead of hanging it.

/** Longer than a connection that does not connect takes until ICE is restarted. */
const TIMEOUT_MS = 25_000;

/**
 * Resolves with the payload of the next event of a name that `filter` lets through. Works on everything that has
 * events: `on`/`off` as well as `addEventListener`/`removeEventListener`.
 */
export const once = (target, name, { timeout = TIMEOUT_MS, filter = () => true } = {}) =>
  new Promise((resolve, reject) => {
    const on = (target.on ?? target.addEventListener).bind(target);
    const off = (target.off ?? target.removeEventListener).bind(target);
    const finish = (settle, value) => {
      clearTimeout(timer);
      off(name, handler);
      settle(value);
    };
    const handler = (payload) => filter(payload) && finish(resolve, payload);
    const timer = setTimeout(() => finish(reject, new Error(`no '${name}' within ${timeout} ms`)), timeout);
    on(name, handler);
  });

/** Resolves when `condition` answers something true, for what no event announces. */
export const until = async (condition, what = condition.toString(), timeout = TIMEOUT_MS) => {
  const end = performance.now() + timeout;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (performance.now() > end) throw new Error(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Rejects when a promise takes too long. */
export const within = (promise, what, timeout = TIMEOUT_MS) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeout} ms: ${what}`)), timeout);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** The payloads of an event from now on, and a promise for the moment there are `count`. */
export const record = (target, name) => {
  const payloads = [];
  target.on(name, (payload) => payloads.push(payload));
  return { payloads, reach: (count) => until(() => payloads.length >= count, `${count} × '${name}'`) };
};

/** Lets everything run that is already due: microtasks, immediates and timers of 0. */
export const settle = () => new Promise((resolve) => setTimeout(() => setImmediate(resolve), 0));
