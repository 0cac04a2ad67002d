// How long it takes from `join()` to the first message: with this package and with the official SDK, on one server.
//
// Warm, rooms follow each other in one process or page. Cold, each room has one of its own, which has done nothing else.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { gather, meet, timed } from "./support/first-message.mjs";
import { openPage, startBrowser } from "./support/page.mjs";
import { answerOf } from "./support/processes.mjs";
import { program } from "./support/program.mjs";
import { udpOnly } from "./support/sdks.mjs";
import { KEY, startServer } from "./support/server.mjs";

/** How many peers, and the part of the rounds that so many get: sixteen take a hundred times as long as two. */
const SIZES = new Map([[2, 1], [8, 0.5], [16, 0.2]]);

/** How many processes of Node sixteen peers share. */
const PROCESSES = 4;

const main = () => program("first-message", { rounds: 15 }, async ({ rounds, quick, compare }) => {
  const server = await startServer();
  const access = { apiKey: KEY, url: server.url };
  const browser = await startBrowser();

  let shared;
  const places = {
    "in one Node process, warm": (which, size) => meet(which, access, size),
    "in one Node process, cold": async (which, size) => {
      const child = fork(fileURLToPath(import.meta.url), [which, server.url, size]);
      const ms = await answerOf(child);
      await once(child, "exit");
      return ms;
    },
    [`in ${PROCESSES} Node processes, warm`]: (which, size) => {
      shared ??= startShares(access);
      return shared.meet(which, size);
    },
    [`in ${PROCESSES} Node processes, cold`]: async (which, size) => {
      const shares = startShares(access);
      try {
        return await shares.meet(which, size);
      } finally {
        shares.end();
      }
    },
    "in one page of Chromium, cold": async (which, size) => {
      const page = await openPage(browser, server);
      const ms = await page.run("first-message", "meet", which, access, size);
      await page.close();
      return ms;
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
    return warm.run("first-message", "meet", which, access, size, ahead);
  };

  for (const [place, measure] of Object.entries(places)) {
    for (const [size, part] of quick ? [[2, 1]] : SIZES) {
      // With both ends of 120 connections in one process, @roamhq/wrtc runs out of files to open.
      if (place.includes("Node") && size > 8 !== place.includes("processes")) continue;
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
  shared?.end();
  await browser.close();
  await server.kill();
});

/** Starts those processes. They stay until `end`, for as many rooms as are to be. */
const startShares = (access) => {
  const children = Array.from({ length: PROCESSES }, () => fork(fileURLToPath(import.meta.url), ["share", JSON.stringify(access)]));
  const ask = async (child, message, expected) => {
    child.send(message);
    const { error } = await answerOf(child, (said) => said === expected || said.error !== undefined);
    if (error !== undefined) throw new Error(error);
  };
  const all = (message, expected) => Promise.all(children.map((child) => ask(child, message, expected)));
  const prepare = async (which, count, echoed) => {
    const hear = (said) => said === "echoed" && echoed();
    for (const child of children) child.on("message", hear);
    await all({ prepare: [which, count] }, "prepared");
    return {
      join: (channel) => all({ join: channel }, "joined"),
      close: async () => {
        await all({ close: true }, "closed");
        for (const child of children) child.off("message", hear);
      },
    };
  };
  return {
    meet: (which, size) => timed(which, size, (echoed) => prepare(which, size / PROCESSES, echoed)),
    end: () => children.forEach((child) => child.disconnect()),
  };
};

/** What one of them does: makes, joins and closes its share of the peers of a room, when it is told to. */
const share = (access) => {
  let room;
  process.once("disconnect", () => process.exit());
  process.on("message", async ({ prepare, join }) => {
    try {
      if (prepare) {
        const [which, count] = prepare;
        room = await gather(which, access, count, () => process.send("echoed"), udpOnly);
        process.send("prepared");
      } else if (join) {
        await room.join(join);
        process.send("joined");
      } else {
        await room.close();
        process.send("closed");
      }
    } catch (error) {
      process.send({ error: String(error) });
    }
  });
};

/** One room in a process of its own. */
const cold = async (which, url, size) => {
  const ms = await meet(which, { apiKey: KEY, url }, Number(size));
  process.send(ms, () => process.exit());
};

const [role, ...rest] = process.argv.slice(2);
if (!process.send) await main();
else if (role === "share") share(JSON.parse(rest[0]));
else await cold(role, ...rest);
