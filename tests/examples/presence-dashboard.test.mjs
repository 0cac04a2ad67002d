// The dashboard, on a terminal and into a pipe.

import assert from "node:assert/strict";
import { asksFor, runExample } from "../support/example.mjs";
import { channelName, connect } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { until } from "../support/wait.mjs";

const named = (sub, name) => ({ apiKey: undefined, tokenProvider: () => token({ sub, peerMetadata: { name } }) });
const changes = (lines) => lines.map((line) => line.slice(9)).filter((line) => / [+-] /.test(line));

test("into a pipe it prints a line for each who comes and goes, in each of its channels", async (t) => {
  const [red, blue] = [channelName(), channelName()];
  const early = await connect(t, named("early"));
  await early.subscribe(red);
  const { lines, line, stop } = await runExample(t, "presence-dashboard", [red, blue, red]);
  await line(`${red} + early`);
  const late = await connect(t, named("late"));
  await late.subscribe(blue);
  await line(`${blue} + late`);
  await early.close();
  await line(`${red} - early`);
  assert.equal(await stop(), 0);
  assert.deepEqual(changes(lines), [`${red} + early`, `${blue} + late`, `${red} - early`]);
});

test("who left while the server was away is gone from the picture when it is back", async (t) => {
  const server = await startServer(0, { resumeGrace: 0 });
  t.after(() => server.kill());
  const channel = channelName();
  const access = { url: server.url };
  const stays = await connect(t, { ...named("stays"), ...access, reconnect: { initialDelayMs: 50, jitterRatio: 0 } });
  const leaves = await connect(t, { ...named("leaves"), ...access });
  for (const client of [stays, leaves]) await client.subscribe(channel);
  const { lines, line, stop } = await runExample(t, "presence-dashboard", [channel], { environment: { METERED_URL: server.url } });
  await line("+ stays");
  await line("+ leaves");
  await server.kill();
  await line("reconnecting");
  await leaves.close();
  await server.start();
  await line("- leaves");
  await until(() => stays.state === "connected");
  assert.equal(await stop(), 0, lines.join("\n"));
});

test("on a terminal it draws who is there, cut to its size, and gives the screen back", async (t) => {
  const channel = channelName();
  const guests = [];
  for (let n = 0; n < 12; n += 1) guests.push(await connect(t, named(`guest-${n}`, n === 0 ? "Eve\u001b[2J\n\u0007" : `Guest ${n}`)));
  for (const guest of guests) await guest.subscribe(channel);
  const terminal = "data:text/javascript,Object.assign(process.stdout, { isTTY: true, rows: 10, columns: 100 });";
  const { child, lines, line, stop } = await runExample(t, "presence-dashboard", [channel], { flags: ["--import", terminal] });
  let written = "";
  child.stdout.on("data", (bytes) => (written += bytes));
  await line(`${channel}: 12`);
  await line("… 7 more lines");
  assert.equal(await stop(), 0);
  assert.ok(lines.some((text) => text.includes("guest-1 ") && text.includes("Guest 1")), "names are shown");
  assert.ok(lines.some((text) => text.includes("Eve?[2J")), "what could steer the terminal is not printed");
  assert.doesNotMatch(written, /\u0007/);
  assert.ok(written.endsWith("\x1b[?25h\x1b[?1049l"), "the cursor and the screen are as before");
});

test("a server that is not there is told, and the exit code is 1", async (t) => {
  const { lines, ended } = await runExample(t, "presence-dashboard", [], { environment: { METERED_URL: "ws://127.0.0.1:9" } });
  assert.equal(await ended(), 1);
  assert.match(lines.at(-1), /^FAILED — /);
});

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "presence-dashboard", "METERED_KEY"));
