// The package in the workers of a page: the same file, a module like any other.

import assert from "node:assert/strict";
import { ROUND, roundTrip } from "../support/round-trip.mjs";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

/** A module that makes a round trip whenever it is asked through `port`, and answers there. */
const module = (base, listen) => `
  import * as realtime from ${JSON.stringify(`${base.replace("ws", "http")}/pkg/index.js`)};
  const roundTrip = ${roundTrip};
  const options = { apiKey: "pk_live_dev", url: ${JSON.stringify(base)} };
  const serve = (port) => {
    port.onmessage = () => roundTrip(realtime, options).then(
      (result) => port.postMessage({ scope: self.constructor.name, result }),
      (error) => port.postMessage({ scope: self.constructor.name, error: String(error) }),
    );
  };
  ${listen}`;

const DEDICATED = "serve(self);";
const SHARED = "self.onconnect = ({ ports: [port] }) => serve(port);";

/** Starts `count` workers of a kind from a page, asks each through a port of its own, and answers what they say. */
const ask = (page, Kind, code, count = 1) => page.evaluate(async ([Kind, code, count]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const answers = Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const worker = new window[Kind](url, { type: "module" });
    const port = worker.port ?? worker;
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    port.onmessage = ({ data }) => resolve(data);
    port.postMessage("go");
  }));
  return Promise.all(answers);
}, [Kind, code, count]);

test("the page itself makes a round trip", async (t) => {
  const page = await pages.open(t);
  const result = await page.evaluate(`(${roundTrip})(window.realtime, { apiKey: "pk_live_dev", url: ${JSON.stringify(pages.url)} })`);
  assert.deepEqual(result, ROUND);
});

test("a dedicated worker makes a round trip, and three at the same time do", async (t) => {
  const page = await pages.open(t);
  const answers = await ask(page, "Worker", module(pages.url, DEDICATED), 3);
  assert.deepEqual(answers, Array(3).fill({ scope: "DedicatedWorkerGlobalScope", result: ROUND }));
});

test("a shared worker makes a round trip for each of those who share it", async (t) => {
  const page = await pages.open(t);
  const answers = await ask(page, "SharedWorker", module(pages.url, SHARED), 2);
  assert.deepEqual(answers, Array(2).fill({ scope: "SharedWorkerGlobalScope", result: ROUND }));
});

test("a worker has no RTCPeerConnection, and a room in it says so, unless it is given one", async (t) => {
  const page = await pages.open(t);
  const [{ refusal, made }] = await ask(page, "Worker", `
    import { MeteredPeer } from ${JSON.stringify(`${pages.url.replace("ws", "http")}/pkg/index.js`)};
    const options = { apiKey: "k" };
    self.onmessage = () => {
      let refusal;
      try { new MeteredPeer(options); } catch (error) { refusal = error.message; }
      self.postMessage({ refusal, made: new MeteredPeer({ ...options, rtcPeerConnectionFactory: () => {} }).state });
    };`);
  assert.match(refusal, /no RTCPeerConnection.*`rtcPeerConnectionFactory`/);
  assert.equal(made, "idle");
});
