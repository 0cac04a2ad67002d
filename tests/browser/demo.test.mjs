// The demo as people use it: two browsers, one room. Leaves pictures of it in target/screenshots/.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { launch, openPage } from "./chromium.mjs";

const pictures = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));
const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 568 } };

let browser;
let server;
let address;

before(async () => {
  await mkdir(pictures, { recursive: true });
  if (!process.env.METERED_HTTP_URL) server = await startServer();
  address = process.env.METERED_HTTP_URL ?? server.httpUrl;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const roomName = () => `tea-${randomUUID().slice(0, 8)}`;
const linkTo = (room, at = address) => `${at}/#${encodeURIComponent(room)}`;

/** A page that is closed when the test ends, and what went wrong inside it. */
const open = async (t, url) => {
  const problems = [];
  const page = await openPage(browser, url, problems);
  t.after(() => page.context().close());
  return { page, problems };
};

/** The card of somebody else in the room, once it says `state`. */
const othersCard = async (page, state) => {
  const card = page.locator(".card", { has: page.locator(`.pill[data-state=${state}]`) });
  await card.first().waitFor({ timeout: 15_000 });
  return card;
};

/** Waits until a page can be heard by somebody. */
const talking = (page) =>
  page.locator(".card .about", { hasText: "data channel open" }).first().waitFor({ timeout: 20_000 });

const say = async (page, text) => {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
};

const heard = (page, text) => page.getByRole("log").getByText(text, { exact: true }).waitFor({ timeout: 10_000 });

/** Two pages in a room of their own that can hear each other. */
const meet = async (t, at = address) => {
  const room = roomName();
  const ann = await open(t, linkTo(room, at));
  const bob = await open(t, linkTo(room, at));
  for (const { page } of [ann, bob]) await talking(page);
  return { room, ann, bob };
};

test("two people join a room by name and by link, talk both ways, and one leaves", async (t) => {
  const room = roomName();
  const ann = await open(t, address);
  await ann.page.getByLabel("Room name").fill(room);
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("heading", { name: room }).waitFor();
  await ann.page.getByText("Nobody else is here yet").waitFor();
  assert.equal(ann.page.url(), linkTo(room));

  await say(ann.page, "is anybody there?");
  await ann.page.getByText("Nobody can hear you yet.").waitFor();
  assert.equal(await ann.page.getByLabel("Message").inputValue(), "is anybody there?", "what nobody heard is kept");

  const bob = await open(t, ann.page.url());
  for (const { page } of [ann, bob]) {
    await othersCard(page, "connected");
    await talking(page);
    assert.ok(await page.getByText("Nobody else is here yet").isHidden());
  }

  await say(ann.page, "hello, Bob");
  await heard(bob.page, "hello, Bob");
  await say(bob.page, "hello, Ann");
  await heard(ann.page, "hello, Ann");
  await heard(ann.page, "hello, Bob");

  await bob.page.getByRole("button", { name: "Leave" }).click();
  await bob.page.getByLabel("Room name").waitFor();
  await ann.page.getByText("Nobody else is here yet").waitFor();
  assert.equal(await ann.page.locator(".card").count(), 1, "only our own card is left");
  assert.deepEqual([...ann.problems, ...bob.problems], []);
});

test("what others write is text and nothing else", async (t) => {
  const { ann, bob } = await meet(t);
  const markup = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>";
  await say(bob.page, markup);
  await heard(ann.page, markup);
  assert.equal(await ann.page.locator("main img, .message b").count(), 0);

  await ann.page.goto(`${address}/#%3Cimg%20src=x%3E`);
  await ann.page.getByRole("heading", { name: "<img src=x>" }).waitFor();
  assert.equal(await ann.page.locator("main img").count(), 0);
  assert.deepEqual([...ann.problems, ...bob.problems], []);
});

test("a room that may not be joined is refused with a sentence, and the next one works", async (t) => {
  const { page, problems } = await open(t, linkTo("_metered/secret"));
  await page.getByRole("alert").getByText("Could not join").waitFor();
  assert.equal(await page.getByLabel("Room name").inputValue(), "_metered/secret");
  await page.getByLabel("Room name").fill(roomName());
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("status").getByText("joined", { exact: true }).waitFor();
  assert.deepEqual(problems, []);
});

test("a room goes on after the server has restarted", async (t) => {
  const own = await startServer();
  t.after(() => own.stop());
  const { ann, bob } = await meet(t, own.httpUrl);
  await own.stop();
  for (const { page } of [ann, bob]) await page.getByRole("status").getByText("reconnecting", { exact: true }).waitFor();
  await own.start();
  for (const { page } of [ann, bob]) {
    await page.getByRole("status").getByText("joined", { exact: true }).waitFor({ timeout: 20_000 });
    await talking(page);
  }
  await say(ann.page, "still there?");
  await heard(bob.page, "still there?");
  await say(bob.page, "still here");
  await heard(ann.page, "still here");
});

test("everything can be reached and named without a mouse", async (t) => {
  const { page } = await open(t, linkTo(roomName()));
  await page.getByRole("status").getByText("joined", { exact: true }).waitFor();
  const reached = [];
  for (let press = 0; press < 7; press++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
  }
  assert.deepEqual(reached, ["copy", "leave", "messages", "text", "Send", "Events", "events"]);
  const unnamed = await page.locator("button, input").evaluateAll((all) =>
    all.filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).length);
  assert.equal(unnamed, 0);
});

for (const [size, viewport] of Object.entries(sizes)) {
  test(`the page fits a ${size} screen, light and dark`, async (t) => {
    const { room, ann, bob } = await meet(t);
    const { page } = ann;
    await page.setViewportSize(viewport);
    await page.locator("#log").evaluate((log, open) => { log.open = open; }, size === "desk");
    await say(page, "Did the kettle boil?");
    await heard(bob.page, "Did the kettle boil?");
    await say(bob.page, "Just now. This went straight from my browser to yours.");
    await heard(page, "Just now. This went straight from my browser to yours.");
    await say(bob.page, `https://example.org/${"a-long-word-without-a-break".repeat(6)}`);
    await page.locator(".message").nth(2).waitFor();

    const look = async (name) => {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
        await page.screenshot({ path: `${pictures}demo-${name}-${size}-${colorScheme}.png`, fullPage: true });
      }
    };
    await look("room");

    const height = () => page.evaluate(() => document.documentElement.scrollHeight);
    const before = await height();
    for (let line = 1; line <= 20; line++) await say(bob.page, `line ${line}`);
    await heard(page, "line 20");
    assert.equal(await height(), before, "a long chat scrolls inside its panel");
    const isAtEnd = await page.getByRole("log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2);
    assert.ok(isAtEnd, "the chat shows what was said last");
    if (size === "desk") assert.ok(before <= viewport.height, "the room fits the window");
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByLabel("Room name").fill(room);
    await look("lobby");
    assert.deepEqual([...ann.problems, ...bob.problems], []);
  });
}
