// A worker that says "now" so many times a second. In a page that is not seen timers are slow; in a worker they are not.

addEventListener("message", ({ data: perSecond }) => setInterval(() => postMessage(null), 1000 / perSecond));
