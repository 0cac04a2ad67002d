// How the demo looks: that it fits screens of every size, light and dark. Leaves pictures in target/screenshots/.
//
// The picture in the README is one of them:
//
//   node --test tests/browser/demo-looks.test.mjs && cp target/screenshots/demo-room-desk-light.png www/screenshot.png

import assert from "node:assert/strict";
import { test } from "../support/test.mjs";
import { PATIENCE, cardOf, demo, fileRow, heard, myCard, offer, pictures, plays, say } from "./demo-page.mjs";

const { open, linkTo, enter, meet } = demo();

const sizes = {
  wide: { width: 1440, height: 900 },
  desk: { width: 1280, height: 800 },
  tablet: { width: 820, height: 1180 },
  phone: { width: 390, height: 844 },
  narrow: { width: 360, height: 640 },
};

/** Takes a picture in both colour schemes, and checks that nothing has to be scrolled sideways. */
const look = async (page, name, size) => {
  await page.setViewportSize(sizes[size]);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const wide = await page.evaluate(() => [...document.querySelectorAll("html, .column, .panel, .card, header")]
      .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className || one.id || one.tagName));
    assert.deepEqual(wide, [], `what is too wide in ${name} on a ${size} screen`);
    const path = `${pictures}demo-${name}-${size}-${colorScheme}.png`;
    await page.screenshot({ path, fullPage: size !== "wide" && size !== "desk" });
  }
};

test("the lobby fits every screen, light and dark", async (t) => {
  const page = await open(t, linkTo("tea-kitchen"));
  await page.getByLabel("Your name").fill("Ann");
  for (const size of ["desk", "phone", "narrow"]) await look(page, "lobby", size);
  await page.getByRole("button", { name: "What is this page?" }).click();
  for (const size of ["desk", "narrow"]) await look(page, "about", size);
  assert.deepEqual(page.problems, []);
});

test("a room with nobody else in it fits every screen, light and dark", async (t) => {
  const page = await enter(t, "Ann", "tea-alone");
  for (const size of ["desk", "phone"]) await look(page, "alone", size);
});

test("a room with three people who do everything fits every screen, light and dark", async (t) => {
  const { pages } = await meet(t, ["Ann", "Bob", "Eve"]);
  const [ann, bob, eve] = pages;
  await myCard(ann).getByRole("button", { name: "Test picture" }).click();
  await myCard(bob).getByRole("button", { name: "Camera" }).click();
  await myCard(bob).getByRole("button", { name: "Test picture" }).click();
  await myCard(eve).getByRole("button", { name: "Telemetry" }).click();
  await plays(cardOf(ann, "Bob").getByLabel("Bob’s camera"));
  await plays(cardOf(ann, "Bob").getByLabel("Bob’s test picture"));
  await say(bob, "Did the kettle boil?");
  await heard(ann, "Did the kettle boil?");
  await say(ann, "Just now. Everybody hears this by way of the server.");
  await eve.getByLabel("To", { exact: true }).selectOption({ label: "Ann, browser to browser" });
  await say(eve, "And this goes straight to your browser.");
  await heard(ann, "And this goes straight to your browser.");

  await offer(bob, "Ann", { name: "biscuits.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(2_345_678) });
  await ann.getByRole("button", { name: "Accept biscuits.pdf" }).click();
  await fileRow(ann, "biscuits.pdf").getByText("its SHA-256 is right").waitFor(PATIENCE);
  await offer(ann, "Eve", { name: `${"a-long-name-without-a-break".repeat(3)}.txt`, mimeType: "text/plain", buffer: Buffer.alloc(1234) });
  await fileRow(ann, "a-long-name").getByText("waiting for an answer").waitFor(PATIENCE);
  await cardOf(ann, "Eve").getByText(/^6\d frames\/s|^5\d frames\/s/u).waitFor(PATIENCE);
  await cardOf(ann, "Eve").getByText(/^Direct/u).waitFor(PATIENCE);
  for (const size of Object.keys(sizes)) await look(ann, "room", size);
  await ann.setViewportSize(sizes.desk);
  assert.ok(await ann.evaluate(() => document.documentElement.scrollHeight <= innerHeight), "the room fits the window of a desk");

  const height = () => ann.evaluate(() => document.documentElement.scrollHeight);
  await ann.setViewportSize(sizes.phone);
  const before = await height();
  for (let line = 1; line <= 20; line++) await say(bob, `https://example.org/${"a-long-word-without-a-break".repeat(4)}-${line}`);
  await ann.locator(".message", { hasText: "-20" }).waitFor(PATIENCE);
  assert.equal(await height(), before, "a long chat scrolls inside its panel");
  const showEnds = () => ann.waitForFunction(() => [...document.querySelectorAll("#messages, #events")]
    .every((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2), null, PATIENCE);
  await showEnds();
  await look(ann, "long-chat", "narrow");
  await showEnds();
  await ann.locator("#messages").evaluate((log) => new Promise((resolve) => {
    log.addEventListener("scroll", resolve, { once: true });
    log.scrollTop = 0;
  }));
  await say(bob, "the last line");
  await ann.locator(".message", { hasText: "the last line" }).waitFor({ ...PATIENCE, state: "attached" });
  assert.equal(await ann.locator("#messages").evaluate((log) => log.scrollTop), 0, "who reads what was said before is not moved");
  for (const page of pages) assert.deepEqual(page.problems, []);
}, 180_000);
