// A headless Firefox for page tests, and pages in it like those that test-page.mjs opens in Chromium.
//
// It is driven by WebDriver BiDi, which a Firefox as it comes speaks itself: no driver has to be built, as geckodriver
// would. Puppeteer is the client, since Playwright asks for commands that an ESR does not know yet.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import puppeteer from "puppeteer-core";
import { fileOf, html, pagesOf } from "./test-page.mjs";

const preferences = {
  // Two browsers find each other by address, not by names that only one of them knows.
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
};

/** Starts a browser with a profile of its own. The caller closes it. */
export const launch = () =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX_PATH ?? "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: preferences,
    // A test may take as long as it takes: its own time is limited.
    protocolTimeout: 0,
  });

/** A fresh page in a context of its own, which is closed when the test ends; what goes wrong inside it fails the test. */
export const openPage = async (t, browser) => {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  return page;
};

const openInFirefox = async (t, browser, httpUrl) => {
  const page = await openPage(t, browser);
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === "/favicon.ico") return request.respond({ status: 204 });
    if (!pathname.startsWith("/tests/")) return request.continue();
    return request.respond({ contentType: "text/javascript", body: await readFile(fileOf(request.url())) });
  });
  await page.goto(`${httpUrl}/pkg/package.json`);
  await page.setContent(html);
  // Frames of a page in the background are rare.
  await page.waitForFunction(() => window.realtime !== undefined, { polling: 20 });
  return page;
};

/** What `testPages()` is for Chromium. */
export const firefoxPages = () => pagesOf(launch, openInFirefox);
