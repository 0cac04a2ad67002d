// A headless Chromium for page tests.

import { chromium } from "playwright-core";

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // Two pages in two processes find each other by address, not by names that only one of them knows.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Starts a browser with a profile of its own, the one at a path if that is given. The caller closes it. */
export const launch = (more = [], executablePath = process.env.CHROME_PATH ?? "/usr/bin/chromium") =>
  chromium.launch({
    executablePath,
    headless: true,
    args: [...args, ...more],
  });

/** A fresh page that reports what goes wrong inside it to `problems`. */
export const openPage = async (browser, url, problems = []) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
  await page.goto(url);
  return page;
};
