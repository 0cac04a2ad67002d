// The demo as people use it: who is in the room, and what they say to each other.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { KEY, startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { PATIENCE, cardOf, connected, demo, heard, myCard, roomName, say, told } from "./demo-page.mjs";

const { world, linkTo, open, enter, meet } = demo();

test("somebody who opens the page for the first time is in a room with one click", async (t) => {
  const page = await open(t);
  await page.getByRole("button", { name: "Join" }).click();
  await page.locator("#status[data-state=joined]").waitFor(PATIENCE);
  await page.getByText("Nobody else is here yet").waitFor();
  const second = await page.getByRole("link", { name: "Open a second tab" }).getAttribute("href");
  assert.equal(second, page.url());
  assert.notEqual(new URL(second).hash, "");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
  assert.deepEqual(page.problems, []);
});

test("three people join by name and by link, see each other by name, and one leaves", async (t) => {
  const room = roomName();
  const ann = await open(t);
  await ann.getByLabel("Your name").fill("Ann");
  await ann.getByLabel("Room name").fill(room);
  await ann.keyboard.press("Enter");
  await ann.getByRole("heading", { name: room }).waitFor();
  assert.equal(ann.url(), linkTo(room));
  const bob = await enter(t, "Bob", room);
  const eve = await enter(t, "Eve", room);
  const everybody = [[ann, "Ann"], [bob, "Bob"], [eve, "Eve"]];
  for (const [page, own] of everybody) {
    for (const [, name] of everybody) {
      if (name === own) continue;
      await connected(page, name);
      await cardOf(page, name).getByText(/^Direct/u).waitFor(PATIENCE);
      await cardOf(page, name).getByText(/\d ms$/u).waitFor(PATIENCE);
      await cardOf(page, name).getByText(/B\/s$/u).waitFor(PATIENCE);
    }
    assert.ok(await page.getByText("Nobody else is here yet").isHidden());
  }

  await eve.getByRole("button", { name: "Leave" }).click();
  await eve.getByLabel("Room name").waitFor();
  for (const page of [ann, bob]) {
    await cardOf(page, "Eve").waitFor({ state: "detached" });
    await told(page, "Eve left.");
  }
  for (const [page] of everybody) assert.deepEqual(page.problems, []);
});

test("what is said to everybody goes through the server, and what is said to one person to nobody else", async (t) => {
  const { pages: [ann, bob, eve] } = await meet(t, ["Ann", "Bob", "Eve"]);
  await say(ann, "hello, all");
  for (const page of [ann, bob, eve]) await heard(page, "hello, all");

  await ann.getByLabel("To", { exact: true }).selectOption({ label: "Bob, browser to browser" });
  await say(ann, "between us");
  await heard(bob, "between us");
  await bob.getByText("to you only").waitFor();
  await say(bob, "hello, Ann");
  for (const page of [ann, eve]) await heard(page, "hello, Ann");
  assert.equal(await eve.getByText("between us").count(), 0);
  for (const page of [ann, bob, eve]) assert.deepEqual(page.problems, []);
});

test("what cannot be sent is kept, with the reason", async (t) => {
  const ann = await enter(t, "Ann", roomName());
  await myCard(ann).getByRole("button", { name: "Cut signalling" }).click();
  await ann.locator("#status[data-state=reconnecting]").waitFor();
  await say(ann, "is anybody there?");
  await ann.getByText("Not sent:").waitFor();
  assert.equal(await ann.getByLabel("Message").inputValue(), "is anybody there?");
});

test("what others write is text and nothing else", async (t) => {
  const markup = "<img src=x onerror=document.title=1>";
  const { pages: [ann, bob] } = await meet(t, ["Ann", markup]);
  await say(bob, `${markup}<b>bold</b>`);
  await heard(ann, `${markup}<b>bold</b>`);
  await cardOf(ann, markup).getByRole("button", { name: `Send a file to ${markup}` }).waitFor();
  assert.equal(await ann.locator("main img, .message b").count(), 0);
  assert.notEqual(await ann.title(), "1");

  await ann.goto(`${world.address}/#%3Cimg%20src=x%3E`);
  await ann.getByRole("heading", { name: "<img src=x>" }).waitFor();
  assert.equal(await ann.locator("main img").count(), 0);
  for (const page of [ann, bob]) assert.deepEqual(page.problems, []);
});

test("messages that are no messages of the demo do nothing", async (t) => {
  const { room, pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  await bob.evaluate(async ({ room, key }) => {
    const { MeteredPeer } = await import("/pkg/index.js");
    const peer = new MeteredPeer({ apiKey: key, url: `ws://${location.host}` });
    await peer.join(room);
    const name = "\u202e".repeat(10) + "x".repeat(500);
    for (const data of [null, 7, "chat", [], {}, { type: "chat" }, { type: "chat", text: 5 }, { type: "name", name: {} }, { type: "name", name }]) await peer.send(data);
    await peer.send({ type: "chat", text: "the last" });
  }, { room, key: KEY });
  await heard(ann, "the last");
  await cardOf(ann, "x".repeat(40)).waitFor(PATIENCE);
  assert.equal(await ann.locator(".message").count(), 1);
  assert.deepEqual(ann.problems, []);
});

test("a room that may not be joined is refused with a sentence, and the next one works", async (t) => {
  const page = await open(t, linkTo("_metered/secret"));
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("alert").getByText("Could not join").waitFor();
  assert.equal(await page.getByLabel("Room name").inputValue(), "_metered/secret");
  await page.getByLabel("Room name").fill(roomName());
  await page.getByRole("button", { name: "Join" }).click();
  await page.locator("#status[data-state=joined]").waitFor(PATIENCE);
  assert.deepEqual(page.problems, []);
});

test("a page that is loaded again goes back to its room", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  await ann.reload();
  await connected(ann, "Bob");
  await connected(bob, "Ann");
  await say(ann, "here again");
  await heard(bob, "here again");
});

test("a room goes on after the server has restarted", async (t) => {
  const own = await startServer();
  t.after(() => own.stop());
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"], own.httpUrl);
  await own.stop();
  for (const page of [ann, bob]) await page.locator("#status[data-state=reconnecting]").waitFor(PATIENCE);
  await own.start();
  for (const page of [ann, bob]) await page.locator("#status[data-state=joined]").waitFor(PATIENCE);
  for (const [page, name] of [[ann, "Bob"], [bob, "Ann"]]) await connected(page, name);
  await say(ann, "still there?");
  await heard(bob, "still there?");
  await say(bob, "still here");
  await heard(ann, "still here");
});

test("a bot that knows nothing of the demo answers what is said to it alone", async (t) => {
  const program = fileURLToPath(new URL("../../examples/data-channel-echo.mjs", import.meta.url));
  const bot = spawn(process.execPath, [program, "bot"], {
    env: { ...process.env, METERED_KEY: KEY, METERED_URL: world.address.replace("http", "ws") },
    stdio: ["ignore", "ignore", "inherit"],
  });
  t.after(() => bot.kill("SIGKILL"));
  const ann = await enter(t, "Ann", "metered-realtime-dc-echo");
  await ann.locator(".card:not(.me) .pill[data-state=connected]").waitFor(PATIENCE);
  await ann.getByLabel("To", { exact: true }).selectOption({ index: 1 });
  await say(ann, "is there an echo?");
  await ann.locator(".message:not(.mine)", { hasText: "is there an echo?" }).waitFor(PATIENCE);
  assert.deepEqual(ann.problems, []);
});

test("everything is done without a mouse, and has a name", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  await ann.locator("#name").focus();
  const reached = [];
  for (let press = 0; press < 16; press++) {
    await ann.keyboard.press("Tab");
    reached.push(await ann.evaluate(() => document.activeElement.ariaLabel || document.activeElement.id || document.activeElement.textContent.trim()));
  }
  assert.deepEqual(reached, [
    "copy", "leave", "What is this page?",
    "Camera", "Screen", "Test picture", "Telemetry", "Cut signalling",
    "Send a file to Bob", "Restart ICE with Bob", "Kill the connection to Bob",
    "messages", "to", "Message", "Send", "events",
  ]);
  const unnamed = await ann.locator(":is(button, input, select, a, video, canvas):not([hidden])").evaluateAll((all) =>
    all.filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).map((one) => one.outerHTML));
  assert.deepEqual(unnamed, []);

  await ann.getByRole("button", { name: "What is this page?" }).focus();
  await ann.keyboard.press("Enter");
  await ann.getByRole("dialog", { name: "What is this page?" }).waitFor();
  await ann.getByRole("button", { name: "Close" }).press("Enter");
  await ann.getByRole("dialog").waitFor({ state: "hidden" });

  await ann.getByRole("button", { name: "Test picture" }).focus();
  await ann.keyboard.press("Space");
  await cardOf(bob, "Ann").getByLabel("Ann’s test picture").waitFor(PATIENCE);
  const choosing = ann.waitForEvent("filechooser");
  await ann.getByRole("button", { name: "Send a file to Bob" }).focus();
  await ann.keyboard.press("Enter");
  await (await choosing).setFiles({ name: "key.txt", mimeType: "text/plain", buffer: Buffer.from("typed") });
  await bob.getByRole("button", { name: "Accept key.txt" }).focus();
  await bob.keyboard.press("Enter");
  await bob.getByRole("link", { name: "Save key.txt" }).waitFor(PATIENCE);
  for (const page of [ann, bob]) assert.deepEqual(page.problems, []);
});
