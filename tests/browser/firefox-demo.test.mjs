// The demo in Firefox, in a room with the demo in Chromium. Leaves pictures of it in target/screenshots/.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import * as chromium from "./chromium.mjs";
import * as firefox from "./firefox.mjs";

const pictures = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));

let browsers;
let server;
let address;

before(async () => {
  await mkdir(pictures, { recursive: true });
  if (!process.env.METERED_HTTP_URL) server = await startServer();
  address = process.env.METERED_HTTP_URL ?? server.httpUrl;
  browsers = await Promise.all([firefox.launch(), chromium.launch()]);
});

after(async () => {
  for (const browser of browsers ?? []) await browser.close();
  await server?.stop();
});

/** Waits until the page of a Firefox shows a text in an element. */
const shows = (page, selector, text) =>
  page.waitForFunction((selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text)),
    { polling: 20, timeout: 20_000 }, selector, text);

test("somebody in Firefox joins a room by name, and talks to somebody in Chromium", async (t) => {
  const room = `tea-${randomUUID().slice(0, 8)}`;
  const ann = await firefox.openPage(t, browsers[0]);
  await ann.setViewport({ width: 1280, height: 800 });
  await ann.goto(address);
  await ann.type("#room", room);
  await ann.keyboard.press("Enter");
  await shows(ann, "#name", room);

  const problems = [];
  const bob = await chromium.openPage(browsers[1], `${address}/#${room}`, problems);
  t.after(() => bob.context().close());
  await shows(ann, ".card .about", "data channel open");
  await bob.locator(".card .about", { hasText: "data channel open" }).first().waitFor({ timeout: 20_000 });

  await ann.type("#text", "hello from Firefox");
  await ann.click("#composer button");
  await bob.getByRole("log").getByText("hello from Firefox", { exact: true }).waitFor({ timeout: 10_000 });
  await bob.getByLabel("Message").fill("hello from Chromium");
  await bob.getByRole("button", { name: "Send" }).click();
  await shows(ann, "#messages", "hello from Chromium");

  const overflow = await ann.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
  await ann.screenshot({ path: `${pictures}demo-room-desk-firefox.png` });

  await bob.getByRole("button", { name: "Leave" }).click();
  await ann.waitForFunction(() => document.querySelectorAll(".card").length === 1, { polling: 20 });
  assert.deepEqual(problems, []);
});
