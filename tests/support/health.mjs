// Whether a server answers while it is tortured, asked from a thread that nothing else happens in.

import { Agent, get } from "node:http";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/** Longer than a machine with other things to do takes to answer, and shorter than who asks for a reason to restart. */
const LIMIT_MS = 10_000;
const PAUSE_MS = 50;

/**
 * Asks for `/healthz` again and again, over one connection if that is to be `kept` and over new ones if not. `stop()`
 * answers how often that was answered or not, and the longest that it took; `end()` only ends.
 */
export const watchHealth = async (server, { kept = false } = {}) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url: `${server.httpUrl}/healthz`, kept } });
  await once(worker, "message");
  return {
    stop: async () => {
      worker.postMessage("stop");
      const [figures] = await once(worker, "message");
      return figures;
    },
    end: () => worker.terminate(),
  };
};

/** The resident memory of a process, in KiB. */
export const residentKiB = (pid) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);

const ask = (url, agent) =>
  new Promise((resolve) => {
    const request = get(url, { agent, timeout: LIMIT_MS }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });

const watch = async ({ url, kept }) => {
  const agent = new Agent({ keepAlive: kept, maxSockets: 1 });
  const figures = { answered: 0, unanswered: 0, longestMs: 0 };
  let isOver = false;
  parentPort.once("message", () => { isOver = true; });
  while (!isOver) {
    const start = performance.now();
    figures[(await ask(url, agent)) ? "answered" : "unanswered"] += 1;
    figures.longestMs = Math.max(figures.longestMs, Math.round(performance.now() - start));
    if (figures.answered + figures.unanswered === 1) parentPort.postMessage("first");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  parentPort.postMessage(figures);
};

if (!isMainThread && workerData?.url) await watch(workerData);
