// What goes over a real data channel: bare, through this package, through the official SDK and through simple-peer.

import { openPage, startBrowser } from "./support/page.mjs";
import { program } from "./support/program.mjs";
import { startServer } from "./support/server.mjs";
import * as here from "./support/wire.mjs";

const KIB = 1024;

await program("wire", { rounds: 21 }, async ({ quick, compare }) => {
  const server = await startServer();
  const browser = await startBrowser();
  const page = await openPage(browser, server);
  const places = {
    "over @roamhq/wrtc in Node": (name, ...args) => here[name](...args),
    "in one page of Chromium": (name, ...args) => page.run("wire", name, ...args),
  };
  for (const [place, call] of Object.entries(places)) {
    await call("connect");
    const each = (names, name, ...args) => Object.fromEntries(names.map((which) => [which, () => call(name, which, ...args)]));
    const all = ["raw", "ours", "official", "simple-peer"];
    // In Node a send of the official SDK that has to wait waits for ever: its event never fires there.
    const flooding = all.filter((which) => which !== "official" || place.includes("Chromium"));
    const goals = { ours: 0.97 };
    await compare({
      title: `Messages of 64 bytes ${place}`, unit: "messages/s", better: "more", base: "raw", goals,
      variants: each(all, "transfer", 64, quick ? 500 : 5_000),
    });
    for (const length of [16 * KIB, 64 * KIB, 256 * KIB]) {
      // A message of 256 KiB is as long as either stack takes.
      const total = (quick ? 4 : 16) * KIB * KIB;
      await compare({
        title: `Messages of ${length / KIB} KiB ${place}`, unit: "messages/s", better: "more", base: "raw", goals,
        variants: each(flooding, "transfer", length, total / length),
      });
    }
    await compare({
      title: `A message and its echo, one after another, ${place}`, unit: "round trips/s", better: "more", base: "raw", goals,
      variants: each(all, "pingPong", 64, quick ? 100 : 1_000),
    });
    await call("disconnect");
  }
  await browser.close();
  await server.kill();
});
