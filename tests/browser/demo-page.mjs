// Pages with the demo in them, for its tests: how people get into a room, and what they see there.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startServer } from "../support/server.mjs";
import { until } from "../support/wait.mjs";
import { launch, openPage } from "./chromium.mjs";

/** Where pictures of the demo are left. */
export const pictures = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));

/** How long what takes several round trips may take on a busy machine. */
export const PATIENCE = { timeout: 20_000 };

export const roomName = () => `tea-${randomUUID().slice(0, 8)}`;

/** A browser and a server for the tests of a file. */
export const demo = () => {
  const world = {};
  let server;

  before(async () => {
    await mkdir(pictures, { recursive: true });
    if (!process.env.METERED_HTTP_URL) server = await startServer();
    world.address = process.env.METERED_HTTP_URL ?? server.httpUrl;
    world.browser = await launch();
  });

  after(async () => {
    await world.browser?.close();
    await server?.stop();
  });

  const linkTo = (room, address = world.address) => `${address}/#${encodeURIComponent(room)}`;

  /** A page that is closed when the test ends. What goes wrong inside it is in `page.problems`. */
  const open = async (t, url = world.address) => {
    const problems = [];
    const page = await openPage(world.browser, url, problems);
    page.problems = problems;
    t.after(() => page.context().close());
    return page;
  };

  /** Somebody in a room, by its link. */
  const enter = async (t, name, room, address) => {
    const page = await open(t, linkTo(room, address));
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Join" }).click();
    await page.locator("#status[data-state=joined]").waitFor(PATIENCE);
    return page;
  };

  /** People in a room of their own, who are connected to each other. */
  const meet = async (t, names, address) => {
    const room = roomName();
    const pages = [];
    for (const name of names) pages.push(await enter(t, name, room, address));
    for (const [index, page] of pages.entries()) {
      for (const name of names) if (name !== names[index]) await connected(page, name);
    }
    return { room, pages };
  };

  return { world, linkTo, open, enter, meet };
};

/** The card of somebody else. */
export const cardOf = (page, name) => page.locator(".card:not(.me)", { has: page.getByRole("heading", { name, exact: true }) });

/** One's own card. */
export const myCard = (page) => page.locator(".card.me");

/** Waits until the card of somebody says that there is a connection. */
export const connected = (page, name) => cardOf(page, name).locator(".pill[data-state=connected]").waitFor(PATIENCE);

export const say = async (page, text) => {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
};

export const heard = (page, text) => page.getByRole("log", { name: "Chat" }).getByText(text, { exact: true }).waitFor(PATIENCE);

/** Waits until the event log tells something. */
export const told = (page, text) => page.getByRole("log", { name: "Events" }).getByText(text).first().waitFor(PATIENCE);

/** Waits until a video shows frames that move on. */
export const plays = async (video) => {
  await video.waitFor(PATIENCE);
  const frames = () => video.evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames, undefined, PATIENCE);
  const before = await frames();
  await until(async () => (await frames()) > before, "a picture that moves");
};

/** Gives a file to the card of somebody, as a file dialog would. */
export const offer = (page, name, file) => cardOf(page, name).locator("input[type=file]").setInputFiles(file);

/** The row of a file in the panel of files. */
export const fileRow = (page, name) => page.locator(".transfer", { hasText: name });

/** Fails if anything went wrong inside the pages. */
export const unproblematic = (pages) => {
  for (const page of pages) assert.deepEqual(page.problems, []);
};
