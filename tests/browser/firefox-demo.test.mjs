// The demo in Firefox, in a room with the demo in Chromium. Leaves pictures of it in target/screenshots/.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import * as chromium from "./chromium.mjs";
import { PATIENCE, cardOf, connected, fileRow, heard, offer, pictures, plays, roomName, say } from "./demo-page.mjs";
import * as firefox from "./firefox.mjs";

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

test("somebody in Firefox joins a room by name, and talks, shows a picture and takes a file", async (t) => {
  const room = roomName();
  const ann = await firefox.openPage(t, browsers[0]);
  await ann.setViewport({ width: 1280, height: 800 });
  await ann.goto(address);
  const fill = (id, text) => ann.$eval(id, (input, text) => { input.value = text; }, text);
  await fill("#who", "Ann");
  await fill("#room", room);
  await ann.focus("#room");
  await ann.keyboard.press("Enter");
  await shows(ann, "#name", room);

  const problems = [];
  const bob = await chromium.openPage(browsers[1], `${address}/#${room}`, problems);
  t.after(() => bob.context().close());
  await bob.getByLabel("Your name").fill("Bob");
  await bob.getByRole("button", { name: "Join" }).click();
  await connected(bob, "Ann");
  await shows(ann, ".card:not(.me) .pill", "connected");
  await shows(ann, ".card:not(.me) .route", "Direct");

  await ann.type("#text", "hello from Firefox");
  await ann.click("#composer button");
  await heard(bob, "hello from Firefox");
  await bob.getByLabel("To", { exact: true }).selectOption({ label: "Ann, browser to browser" });
  await say(bob, "hello from Chromium");
  await shows(ann, "#messages", "hello from Chromium");

  await ann.click(".me [data-role=picture]");
  await plays(cardOf(bob, "Ann").getByLabel("Ann’s test picture"));
  await bob.getByRole("button", { name: "Telemetry", exact: true }).click();
  await shows(ann, ".card:not(.me) .telemetry", "frames/s");

  await offer(bob, "Ann", { name: "tea.txt", mimeType: "text/plain", buffer: Buffer.alloc(3_000_000, "tea") });
  await shows(ann, "#offers", "A file is offered to you");
  await ann.click("#offers");
  await ann.keyboard.press("Enter");
  await shows(ann, ".transfer", "its SHA-256 is right");
  await fileRow(bob, "tea.txt").getByText("its SHA-256 is right").waitFor(PATIENCE);

  const overflow = await ann.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
  await ann.screenshot({ path: `${pictures}demo-room-desk-firefox.png` });

  await ann.click(".card:not(.me) [data-names^=Kill]");
  await shows(ann, "#events", "Bob: there is a new connection in place of the old one.");
  await connected(bob, "Ann");
  await bob.getByRole("button", { name: "Leave" }).click();
  await ann.waitForFunction(() => document.querySelectorAll(".card").length === 1, { polling: 20 });
  assert.deepEqual(problems, []);
});
