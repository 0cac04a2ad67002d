// Files between people in the demo: offered, accepted, on their way, compared; and those that lie about one.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open as openFile, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KEY } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { PATIENCE, cardOf, demo, fileRow, offer, told, unproblematic } from "./demo-page.mjs";

const { meet } = demo();

/** A directory that is gone after the test. */
const directory = async (t) => {
  const path = await mkdtemp(join(tmpdir(), "demo-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
};

/** What a page has saved to disk. */
const saved = async (page, name) => {
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: `Save ${name}` }).click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), name);
  return readFile(await download.path());
};

test("a file that is dropped on a card is offered, accepted, compared by its hash and saved, and nobody else hears of it", async (t) => {
  const { pages } = await meet(t, ["Ann", "Bob", "Eve"]);
  const [ann, bob, eve] = pages;
  const dropped = await ann.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["some tea"], "recipe.txt", { type: "text/plain" }));
    return data;
  });
  await cardOf(ann, "Bob").dispatchEvent("dragenter", { dataTransfer: dropped });
  assert.match(await cardOf(ann, "Bob").getAttribute("class"), /target/u);
  await cardOf(ann, "Bob").dispatchEvent("drop", { dataTransfer: dropped });
  await fileRow(ann, "recipe.txt").getByText("waiting for an answer").waitFor(PATIENCE);
  await bob.getByRole("button", { name: "A file is offered to you" }).click();
  assert.equal(await bob.evaluate(() => document.activeElement.ariaLabel), "Accept recipe.txt");
  await bob.keyboard.press("Enter");
  await bob.getByRole("button", { name: "A file is offered to you" }).waitFor({ state: "hidden" });
  for (const page of [ann, bob]) await fileRow(page, "recipe.txt").getByText("its SHA-256 is right").waitFor(PATIENCE);
  await told(bob, "Received recipe.txt from Ann");
  assert.equal(String(await saved(bob, "recipe.txt")), "some tea");
  assert.equal(await fileRow(eve, "recipe.txt").count(), 0);

  await offer(ann, "Eve", { name: "empty.bin", mimeType: "", buffer: Buffer.alloc(0) });
  await eve.getByRole("button", { name: "Accept empty.bin" }).click();
  assert.equal((await saved(eve, "empty.bin")).length, 0);
  unproblematic(pages);
});

test("a long file shows its progress, speed and time left at both ends, and arrives as it was", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  const path = join(await directory(t), "long.bin");
  const content = randomBytes(48 * 1024 * 1024);
  await writeFile(path, content);
  // Of rows that change all the time, every text counts.
  const watch = (page) => page.evaluate(() => {
    window.texts = [];
    new MutationObserver(() => {
      for (const row of document.querySelectorAll(".transfer")) window.texts.push([row.textContent, row.querySelector("progress").value]);
    }).observe(document.getElementById("transfers"), { subtree: true, childList: true, characterData: true });
  });
  await watch(ann);
  await watch(bob);
  await offer(ann, "Bob", path);
  await bob.getByRole("button", { name: "Accept long.bin" }).click();
  for (const page of [ann, bob]) {
    await fileRow(page, "long.bin").getByText("its SHA-256 is right").waitFor({ timeout: 45_000 });
    const texts = await page.evaluate(() => window.texts);
    const moving = texts.filter(([text]) => /[\d.]+ MB of 50\.3 MB · [\d.]+ [kM]B\/s · (\d+ min )?\d+ s left/u.test(text));
    assert.ok(moving.some(([, progress]) => progress > 0 && progress < 1), `no progress in ${JSON.stringify(texts.slice(0, 20))}`);
  }
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(hash(await saved(bob, "long.bin")), hash(content));
  unproblematic([ann, bob]);
});

test("a file is declined, cancelled by either side while it moves, or refused for its length, and both are told", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  const path = await directory(t);
  const sparse = async (name, megabytes) => {
    const file = await openFile(join(path, name), "w");
    await file.truncate(megabytes * 1024 * 1024);
    await file.close();
    return join(path, name);
  };
  await offer(ann, "Bob", await sparse("declined.bin", 1));
  await bob.getByRole("button", { name: "Decline declined.bin" }).click();
  await fileRow(ann, "declined.bin").getByText("Cancelled: declined").waitFor(PATIENCE);

  for (const [canceller, other, name, words] of [[ann, bob, "by-ann.bin", "by the sender"], [bob, ann, "by-bob.bin", "by the other side"]]) {
    await offer(ann, "Bob", await sparse(name, 250));
    await bob.getByRole("button", { name: `Accept ${name}` }).click(PATIENCE);
    await fileRow(canceller, name).locator("progress:not([hidden])").waitFor(PATIENCE);
    await canceller.getByRole("button", { name: `Cancel ${name}` }).click();
    await fileRow(canceller, name).getByText("Cancelled: by you").waitFor(PATIENCE);
    await fileRow(other, name).getByText(`Cancelled: ${words}`).waitFor(PATIENCE);
    assert.equal(await fileRow(bob, name).getByRole("link").count(), 0);
  }

  await offer(ann, "Bob", await sparse("too-long.bin", 257));
  await fileRow(ann, "too-long.bin").getByText("Failed: longer than 256 MiB").waitFor(PATIENCE);
  assert.equal(await fileRow(bob, "too-long.bin").count(), 0);
  unproblematic([ann, bob]);
});

test("a peer that lies about a file, or offers many, is refused", async (t) => {
  const { room, pages: [ann] } = await meet(t, ["Ann"]);
  const cheat = await ann.context().newPage();
  await cheat.goto(new URL("/pkg/package.json", ann.url()).href);
  await cheat.evaluate(async ({ room, key }) => {
    const { DataChannel, MeteredPeer } = await import("/pkg/index.js");
    const peer = new MeteredPeer({ apiKey: key, url: `ws://${location.host}` });
    const met = new Promise((resolve) => peer.on("peer-joined", ({ peer: remote }) => resolve(remote)));
    await peer.join(room);
    const remote = await met;
    /** Opens a channel for a file, offers, and sends this once it is accepted. What came back is in `answers`. */
    window.cheat = (offer, bytes) => {
      const dc = new DataChannel(remote.createDataChannel("file", { protocol: "metered-demo-file" }));
      const cheat = { answers: [], isClosed: false };
      dc.on("open", () => dc.send(typeof offer === "string" ? offer : JSON.stringify({ type: "offer", ...offer })));
      dc.on("message", ({ data }) => {
        cheat.answers.push(JSON.parse(data).type);
        if (cheat.answers.at(-1) === "accept") dc.send(new Uint8Array(bytes));
      });
      dc.on("close", () => { cheat.isClosed = true; });
      (window.cheats ??= []).push(cheat);
    };
  }, { room, key: KEY });
  const closed = (index) => cheat.waitForFunction((index) => window.cheats[index].isClosed, index, PATIENCE);
  const wrong = "0".repeat(64);
  const offers = ["no JSON", { name: 5, size: -1, sha256: wrong }, { name: "x", size: 2 ** 40, sha256: wrong }, { name: "x", size: 5, sha256: "<b>" }];
  for (const [index, bad] of offers.entries()) {
    await cheat.evaluate((bad) => window.cheat(bad), bad);
    await closed(index);
  }
  assert.equal(await ann.locator(".transfer").count(), 0);

  await cheat.evaluate((sha256) => window.cheat({ name: "more.bin", size: 4, sha256 }, 5), wrong);
  await ann.getByRole("button", { name: "Accept more.bin" }).click(PATIENCE);
  await fileRow(ann, "more.bin").getByText("does not keep to the protocol").waitFor(PATIENCE);
  await cheat.evaluate((sha256) => window.cheat({ name: "../<b>other</b>.bin", size: 4, sha256 }, 4), wrong);
  await ann.getByRole("button", { name: "Accept ../<b>other</b>.bin" }).click(PATIENCE);
  await fileRow(ann, "other").getByText("Failed: it arrived with another hash").waitFor(PATIENCE);
  await closed(5);
  assert.deepEqual(await cheat.evaluate(() => window.cheats[5].answers), ["accept", "damaged"]);
  assert.equal(await ann.locator(".transfer a, .transfer b").count(), 0);

  await cheat.evaluate((sha256) => {
    for (let n = 0; n < 30; n += 1) window.cheat({ name: `many-${n}.bin`, size: 4, sha256 }, 4);
  }, wrong);
  await cheat.waitForFunction(() => window.cheats.filter(({ isClosed }) => isClosed).length === 32, null, PATIENCE);
  assert.equal(await ann.getByRole("button", { name: /^Accept/u }).count(), 4);
  assert.deepEqual(ann.problems, []);
});
