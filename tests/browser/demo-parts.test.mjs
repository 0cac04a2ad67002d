// What the demo sends and what it breaks, with three people in the room: streams, telemetry, faults.

import assert from "node:assert/strict";
import { test } from "../support/test.mjs";
import { until } from "../support/wait.mjs";
import { PATIENCE, cardOf, connected, demo, heard, myCard, plays, say, told, unproblematic } from "./demo-page.mjs";

const { meet } = demo();

test("a camera, a screen and a test picture are seen by the others with their labels, until they end", async (t) => {
  const { pages } = await meet(t, ["Ann", "Bob", "Eve"]);
  const [ann, bob, eve] = pages;
  for (const source of ["Camera", "Screen", "Test picture"]) {
    const button = myCard(ann).getByRole("button", { name: source });
    await button.click();
    await plays(myCard(ann).getByLabel(source, { exact: true }).and(ann.locator("video")));
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    for (const page of [bob, eve]) await plays(cardOf(page, "Ann").getByLabel(`Ann’s ${source.toLowerCase()}`));
  }
  await myCard(ann).getByRole("button", { name: "Screen" }).click();
  for (const page of [bob, eve]) {
    await cardOf(page, "Ann").getByLabel("Ann’s screen").waitFor({ state: "detached" });
    assert.equal(await cardOf(page, "Ann").locator("video").count(), 2);
  }
  unproblematic(pages);
}, 120_000);

test("telemetry moves in the others' plots, and who reads slowly counts what is dropped", async (t) => {
  const { pages } = await meet(t, ["Ann", "Bob", "Eve"]);
  const [ann, bob, eve] = pages;
  await myCard(ann).getByRole("button", { name: "Telemetry" }).click();
  for (const page of [bob, eve]) {
    await cardOf(page, "Ann").getByText(/^[1-9]\d* frames\/s · \d+ dropped$/u).waitFor(PATIENCE);
    const plot = cardOf(page, "Ann").getByLabel("Telemetry of Ann", { exact: true });
    const look = () => plot.evaluate((canvas) => canvas.toDataURL());
    const before = await look();
    await until(async () => (await look()) !== before, "the plot to move");
  }
  await myCard(ann).getByText(/^\d+ sent to 2 · \d+ dropped$/u).waitFor(PATIENCE);
  await cardOf(bob, "Ann").getByRole("button", { name: "Read the telemetry of Ann slowly" }).click();
  const dropped = async (page) => Number(/(\d+) dropped/u.exec(await cardOf(page, "Ann").locator(".telemetry").textContent())[1]);
  const before = await dropped(bob);
  await until(async () => (await dropped(bob)) > before + 20, "the slow reader's counter to rise");

  await myCard(ann).getByRole("button", { name: "Telemetry" }).click();
  for (const page of [bob, eve]) await cardOf(page, "Ann").locator(".telemetry").waitFor({ state: "detached" });
  unproblematic(pages);
});

test("with the server away for three seconds the connections go on, and nobody is seen to leave", async (t) => {
  const { pages } = await meet(t, ["Ann", "Bob", "Eve"]);
  const [ann, bob, eve] = pages;
  await myCard(ann).getByRole("button", { name: "Cut signalling" }).click();
  await ann.locator("#status[data-state=reconnecting]").waitFor(PATIENCE);
  await say(bob, "said meanwhile");
  await ann.getByLabel("To", { exact: true }).selectOption({ label: "Bob, browser to browser" });
  await say(ann, "no server needed");
  await heard(bob, "no server needed");
  await told(ann, "The server is back and knows you; nothing was missed.");
  await heard(ann, "said meanwhile");
  for (const page of [bob, eve]) assert.equal(await page.getByText("Ann left.").count(), 0);
  for (const page of pages) assert.equal(await page.getByText("there is a new connection").count(), 0);
  unproblematic(pages);
});

test("ICE is restarted on a connection that goes on", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  await cardOf(ann, "Bob").getByRole("button", { name: "Restart ICE" }).click();
  await told(ann, "You asked for an ICE restart with Bob.");
  for (const [page, name] of [[ann, "Bob"], [bob, "Ann"]]) {
    await told(page, `${name}: ICE was restarted. Channels and streams go on.`);
    assert.equal(await page.getByText("data channel is closed").count(), 0);
  }
  unproblematic([ann, bob]);
});

test("a connection that is killed is replaced, with its streams and its channel", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  await myCard(bob).getByRole("button", { name: "Test picture" }).click();
  await plays(cardOf(ann, "Bob").locator("video"));
  await cardOf(ann, "Bob").getByRole("button", { name: "Kill the connection" }).click();
  for (const [page, name] of [[ann, "Bob"], [bob, "Ann"]]) {
    await told(page, `${name}: there is a new connection in place of the old one.`);
    await connected(page, name);
  }
  await plays(cardOf(ann, "Bob").locator("video"));
  await ann.getByLabel("To", { exact: true }).selectOption({ label: "Bob, browser to browser" });
  await say(ann, "on the new one");
  await heard(bob, "on the new one");
  unproblematic([ann, bob]);
});

test("a picture that ends while its connection is replaced does not stay on the card", async (t) => {
  const { pages: [ann, bob] } = await meet(t, ["Ann", "Bob"]);
  const toggle = myCard(bob).getByRole("button", { name: "Test picture" });
  await toggle.click();
  await plays(cardOf(ann, "Bob").locator("video"));
  // Without the server there is no new connection before the picture has ended.
  await myCard(bob).getByRole("button", { name: "Cut signalling" }).click();
  await cardOf(bob, "Ann").getByRole("button", { name: "Kill the connection" }).click();
  await toggle.click();
  await told(ann, "Bob: there is a new connection in place of the old one.");
  await connected(ann, "Bob");
  await cardOf(ann, "Bob").locator("video").waitFor({ ...PATIENCE, state: "detached" });
  unproblematic([ann, bob]);
});
