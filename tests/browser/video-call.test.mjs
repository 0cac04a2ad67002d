// The example of a video call: two browsers with cameras that are made up.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { launch, openPage } from "./chromium.mjs";

let browser;
let server;

before(async () => {
  server = await startServer(0, { www: "examples/video-call" });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const join = async (t, room, problems) => {
  const page = await openPage(browser, `${server.httpUrl}/#${room}`, problems);
  t.after(() => page.context().close());
  await page.getByRole("button", { name: "Join" }).click();
  return page;
};

const tiles = (page) => page.locator("#tiles figure");

/** Waits until a page shows so many pictures, and all of them move. */
const sees = (page, count) =>
  page.waitForFunction((expected) => {
    const videos = [...document.querySelectorAll("#tiles video")];
    return videos.length === expected && videos.every((video) => video.videoWidth > 0 && video.currentTime > 0);
  }, count, { timeout: 25_000 });

test("two people see each other, one is muted, switches the camera off and leaves, and can come back", async (t) => {
  const problems = [];
  const room = crypto.randomUUID();
  const ann = await join(t, room, problems);
  await sees(ann, 1);
  const bob = await join(t, room, problems);
  for (const page of [ann, bob]) await sees(page, 2);
  assert.equal(await tiles(ann).last().locator("figcaption").textContent(), "camera");
  assert.deepEqual(await ann.locator("video").evaluateAll((videos) => videos.map(({ muted }) => muted)), [true, false], "only one's own voice is not played");

  const sends = (page, kind) => page.locator("video").first().evaluate((video, wanted) => video.srcObject.getTracks().find((track) => track.kind === wanted).enabled, kind);
  for (const [name, kind] of [["Mute", "audio"], ["Camera off", "video"]]) {
    await bob.getByRole("button", { name }).click();
    assert.equal(await sends(bob, kind), false);
    await bob.getByRole("button", { name }).click();
    assert.equal(await sends(bob, kind), true);
  }

  await bob.getByRole("button", { name: "Leave" }).click();
  await sees(ann, 1);
  assert.equal(await tiles(bob).count(), 0);
  await bob.getByText("not in a call").waitFor();
  await bob.getByRole("button", { name: "Join" }).click();
  for (const page of [ann, bob]) await sees(page, 2);
  assert.deepEqual(problems, []);
});

test("whoever has no camera is told so, and can try again", async (t) => {
  const page = await openPage(browser, `${server.httpUrl}/#x`);
  t.after(() => page.context().close());
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("Requested device not found", "NotFoundError"));
  });
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByText("not in a call: Requested device not found").waitFor();
  assert.ok(await page.getByRole("button", { name: "Join" }).isVisible());
});
