// The two kinds of peers that keep a ledger, each on a host of its own: a page, and a program.

import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { launch } from "../browser/chromium.mjs";
import { fileOf, html } from "../browser/test-page.mjs";
import { exitCode } from "./child.mjs";
import { wrapper } from "./network.mjs";
import { beside } from "./soak.mjs";
import { once, within } from "./wait.mjs";

/** A page in a Chromium of its own. `options` are of the peer; with `relayOnly` it connects through TURN servers only. */
const chromium = async (t, { host, httpUrl, room, options }) => {
  const path = process.env.CHROME_PATH ?? "/usr/bin/chromium";
  const browser = await launch(["--ignore-certificate-errors"], host ? wrapper(t, host, path) : path);
  t.after(() => browser.close());
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  page.on("pageerror", (error) => console.error(`in the page: ${error}`));
  page.on("requestfailed", (request) => console.error(`in the page: ${request.url()}: ${request.failure().errorText}`));
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await page.route("**/tests/**", (route) => route.fulfill({ contentType: "text/javascript", path: fileOf(route.request().url()) }));
  await page.goto(`${httpUrl}/pkg/package.json`);
  await page.setContent(html);
  await page.waitForFunction(() => window.realtime !== undefined);
  await page.evaluate(async ([room, { relayOnly, token, ...options }]) => {
    const ledger = await import("/tests/support/ledger.mjs");
    const rtcPeerConnectionFactory = (config) => new RTCPeerConnection({ ...config, iceTransportPolicy: relayOnly ? "relay" : "all" });
    const me = await ledger.keepLedger(room, { ...options, tokenProvider: () => token, rtcPeerConnectionFactory });
    window.me = { glance: () => ledger.glance(me), stop: me.stop, ledger: () => me.ledger };
  }, [room, options]);
  const ask = (what) => page.evaluate((what) => window.me[what](), what);
  return { kind: "Chromium", glance: () => ask("glance"), stop: () => ask("stop"), ledger: () => ask("ledger"), page };
};

/** A program in Node. */
const node = async (t, { host, room, options }) => {
  const [execPath, ...execArgv] = [...(host?.command ?? []), process.execPath];
  const child = fork(beside("peer.mjs"), [JSON.stringify({ room, options })], { execPath, execArgv });
  const ended = exitCode(child);
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await once(child, "message", { filter: (message) => message === "joined" });
  const ask = async (what) => {
    const id = randomUUID();
    const answer = once(child, "message", { filter: (message) => message.id === id });
    child.send({ id, what });
    return (await within(answer, `the program's ${what}`)).value;
  };
  return { kind: "Node", glance: () => ask("glance"), stop: () => ask("stop"), ledger: () => ask("ledger"), pid: child.pid };
};

/** By kind. Each answers `glance()`, `stop()` and `ledger()`, as ledger.mjs has them. */
export const ends = { chromium, node };
