// How long it takes from `join()` to the first message: with this package and with the official SDK, on one server.
//
// Warm, rooms follow each other in one process or page. Cold, each room has one of its own, which has done nothing else.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { meet } from "./support/first-message.mjs";
import { openPage, startBrowser } from "./support/page.mjs";
import { program } from "./support/program.mjs";
import { KEY, startServer } from "./support/server.mjs";

/** How many peers, and the part of the rounds that so many get: sixteen take a hundred times as long as two. */
const SIZES = new Map([[2, 1], [8, 0.5], [16, 0.2]]);

const main = () => program("first-message", { rounds: 15 }, async ({ rounds, quick, compare }) => {
  const server = await startServer();
  const access = { apiKey: KEY, url: server.url };
  const browser = await startBrowser();

  const places = {
    "in one Node process, warm": async (which, size) => (await meet(which, access, size)).all,
    "in one Node process, cold": async (which, size) => {
      const child = fork(fileURLToPath(import.meta.url), [which, server.url, size]);
      const [all] = await once(child, "message");
      await once(child, "exit");
      return all;
    },
    "in one page of Chromium, cold": async (which, size) => {
      const page = await openPage(browser, server);
      const { all } = await page.run("first-message", "meet", which, access, size);
      await page.close();
      return all;
    },
  };
  let warm = await openPage(browser, server);
  const WARM_PAGE = "in one page of Chromium, warm";
  places[WARM_PAGE] = async (which, size, ahead) => {
    // A page has 500 connections at most, those that are closed and not collected yet among them: eight peers take 56, sixteen 240.
    if (size > 2) {
      await warm.close();
      warm = await openPage(browser, server);
      await warm.run("first-message", "meet", which, access, 2);
    }
    return (await warm.run("first-message", "meet", which, access, size, ahead)).all;
  };

  for (const [place, measure] of Object.entries(places)) {
    for (const [size, part] of quick ? [[2, 1]] : SIZES) {
      // With both ends of 120 connections in one process, @roamhq/wrtc runs out of files to open.
      if (size > 8 && place.includes("Node")) continue;
      await compare({
        rounds: Math.max(3, Math.round(rounds * part)), warmups: place.endsWith("cold") ? 0 : 1,
        title: `From join() of ${size} peers until every pair has echoed a byte, ${place}`, unit: "ms", base: "official",
        variants: { official: () => measure("official", size), ours: () => measure("ours", size),
          // What could be gained at most by connections that are made while nobody is there yet.
          ...(size === 2 && place === WARM_PAGE && { "ours, connections made ahead": () => measure("ours", size, true) }) },
        goals: { ours: 0.8 },
      });
    }
  }
  await browser.close();
  await server.kill();
});

/** One room in a process of its own. */
const cold = async (which, url, size) => {
  const { all } = await meet(which, { apiKey: KEY, url }, Number(size));
  process.send(all, () => process.exit());
};

await (process.send ? cold(...process.argv.slice(2)) : main());
