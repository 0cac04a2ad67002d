// The same in a worker of the page.

import { options } from "./options.js";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

window.result = new Promise((resolve, reject) => {
  worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
  worker.onmessage = ({ data }) => resolve(data);
});
worker.postMessage(options());
