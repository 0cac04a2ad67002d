// The two kinds of peers that keep a ledger, each on a host of its own: a page, and a program.

import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { launch } from "../browser/chromium.mjs";
import { fileOf, html } from "../browser/test-page.mjs";
import { exitCode } from "./child.mjs";
import { wrapper } from "./network.mjs";
import { beside } from "./soak.mjs";
import { fresh } from "./token.mjs";
import { once, within } from "./wait.mjs";

/**
 * A page in a Chromium of its own. `options` are of the peer; with `relayOnly` it connects through TURN servers only, and
 * `mint` says how its tokens are made: `claims`, `key`, and `seconds` that they are good for.
 */
const chromium = async (t, { host, httpUrl, room, options }) => {
  const path = process.env.CHROME_PATH ?? "/usr/bin/chromium";
  const before = new Set(descendants(process.pid));
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
  await page.exposeFunction("mint", () => fresh(options.mint));
  await page.evaluate(async ([room, { relayOnly, mint, ...options }]) => {
    const ledger = await import("/tests/support/ledger.mjs");
    const rtcPeerConnectionFactory = (config) => new RTCPeerConnection({ ...config, iceTransportPolicy: relayOnly ? "relay" : "all" });
    const me = await ledger.keepLedger(room, { ...options, tokenProvider: window.mint, rtcPeerConnectionFactory });
    window.me = { glance: () => ledger.glance(me), stop: me.stop, ledger: () => me.ledger, leap: ledger.leap };
  }, [room, options]);
  const ask = (what) => page.evaluate((what) => window.me[what](), what);
  const pids = descendants(process.pid).filter((pid) => !before.has(pid));
  return { kind: "Chromium", glance: () => ask("glance"), stop: () => ask("stop"), ledger: () => ask("ledger"), leap: () => ask("leap"), pids };
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
  const [pids, now] = [[child.pid], () => ask("now")];
  return { kind: "Node", glance: () => ask("glance"), stop: () => ask("stop"), ledger: () => ask("ledger"), leap: () => ask("leap"), now, pids };
};

/** The processes that a process has started, and those that they have. */
const descendants = (pid) => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
};

/**
 * By kind. Each answers `glance()`, `stop()`, `ledger()` and `leap()`, as ledger.mjs has them, and `pids`: the processes
 * that it is made of.
 */
export const ends = { chromium, node };
