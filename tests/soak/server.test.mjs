// What a server meets that anybody can reach. It answers `/healthz` throughout, and afterwards it is as it was.

import assert from "node:assert/strict";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SignallingClient } from "metered-realtime";
import { residentKiB, watchHealth } from "../support/health.mjs";
import { RawClient, frame, openMany } from "../support/raw-clients.mjs";
import { KEY, startServer } from "../support/server.mjs";
import { count, isSoak, report } from "../support/soak.mjs";
import { once, until, within } from "../support/wait.mjs";

const PATIENCE_MS = 120_000;
const long = { timeout: 600_000 };

/** A server of the test's own that anybody may connect to as often as they like. */
const tortured = async (t, { limits = "", kept, log = "", ...options } = {}) => {
  const directory = mkdtempSync(join(tmpdir(), "metered-torture-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const config = join(directory, "server.toml");
  writeFileSync(config, `
    [[apps]]
    id = "soak"
    [[apps.publishable_keys]]
    key = "${KEY}"
    [limits]
    connections_per_address = 0
    ${limits}
    [resume]
    grace_ms = 2000
    [log]
    ${log}
  `);
  const server = await startServer(0, { config, ...options });
  t.after(() => server.kill());
  const health = await watchHealth(server, { kept });
  t.after(() => health.end());
  const before = residentKiB(server.pid);
  return {
    server,
    health,
    before,
    /** Ends the watch, which must have seen nothing but answers, and reports. */
    end: async (figures) => {
      const healthz = await health.stop();
      report(t.name, { ...figures, healthz, residentKiB: { before, after: residentKiB(server.pid) } });
      assert.equal(healthz.unanswered, 0, "/healthz was not answered");
    },
  };
};

/** The most of these times, which increase, that lie within so many milliseconds. */
const most = (times, withinMs) => Math.max(...times.map((start, i) => times.slice(i).filter((time) => time < start + withinMs).length));

/** A number that the server counts. */
const metric = async (server, name) => {
  const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
};

/** Resolves when the server has forgotten everybody. */
const empty = (server) => until(async () => (await metric(server, "metered_connections")) === 0, "nobody is connected any more", PATIENCE_MS);

/** A client that has subscribed to a channel. */
const subscribed = async (client, channel) => {
  const ack = client.next("ack");
  client.send({ type: "subscribe", channel, requestId: "1" });
  await ack;
  return client;
};

/** Two clients that hear each other, which shows that a server still does what it is there for. */
const stillServes = async (server) => {
  const [a, b] = await within(openMany(server.url, 2), "two clients come in");
  await subscribed(a, "alive");
  const message = a.next("message");
  b.send({ type: "publish", channel: "alive", data: "still", requestId: "2" });
  assert.equal((await within(message, "a message arrives")).data, "still");
  await Promise.all([a.close(), b.close()]);
};

test("connections by the thousand, idle and churning, leave nothing behind", long, async (t) => {
  const { server, end, before } = await tortured(t);
  const many = count(10_000, 300);
  const rests = [];
  let peak = 0;
  // The second round shows what the first has left behind.
  for (let round = 0; round < 2; round += 1) {
    let clients = await openMany(server.url, many);
    assert.equal(await metric(server, "metered_connections"), many);
    peak = Math.max(peak, residentKiB(server.pid));
    for (let churn = 0; churn < 5; churn += 1) {
      const going = clients.splice(0, many / 10);
      // Half of them say goodbye, the others are gone.
      await Promise.all(going.map((client, i) => (i % 2 === 0 ? client.close() : client.socket.destroy())));
      clients = [...clients, ...(await openMany(server.url, going.length))];
    }
    await Promise.all(clients.map((client) => client.close()));
    await empty(server);
    await stillServes(server);
    // The allocator gives memory back after about ten seconds.
    if (isSoak) await until(() => residentKiB(server.pid) < before + (peak - before) / 4, "the memory returns", PATIENCE_MS);
    rests.push(residentKiB(server.pid));
  }
  await end({ connections: many, peakKiB: peak, afterEachRoundKiB: rests });
});

test("clients that send their request byte by byte, or nothing, are shown out", long, async (t) => {
  const { server, end } = await tortured(t, { limits: "handshake_timeout_ms = 2000" });
  const clients = Array.from({ length: count(1_000, 50) }, () => new RawClient(server.url));
  const request = `GET /v1?key=${KEY} HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(10_000)}`;
  let sent = 0;
  const dripping = setInterval(() => {
    sent += 1;
    clients.forEach((client, i) => i % 10 !== 0 && client.socket.writable && client.socket.write(request[sent]));
  }, 200);
  await within(Promise.all(clients.map((client) => client.ended)), "everybody is shown out", PATIENCE_MS);
  clearInterval(dripping);
  await stillServes(server);
  await end({ connections: clients.length });
});

test("clients that are there no more, and never said so, are noticed", long, async (t) => {
  const { server, end } = await tortured(t, { limits: "idle_timeout_ms = 3000" });
  const clients = await openMany(server.url, count(1_000, 50));
  for (const client of clients) client.answersPings = false;
  await within(Promise.all(clients.map((client) => client.ended)), "everybody is noticed", PATIENCE_MS);
  await empty(server);
  await stillServes(server);
  await end({ connections: clients.length });
});

/**
 * What somebody may send, and what becomes of the connection: a close code, or what it is answered: the code of an
 * error, or an ack. Who does not speak the protocol is hung up on, which is 1006.
 */
const HOSTILE = {
  "one byte too many": [frame("x".repeat(65_537)), 1009],
  "one byte too many, in parts": [Buffer.concat([frame("x".repeat(40_000), { flags: 0 }), frame("x".repeat(25_537), { opcode: "continuation" })]), 1009],
  "a length of almost 2^63": [Buffer.from("81ff7fffffffffffffff00000000", "hex"), 1006],
  "invalid UTF-8": [frame(Buffer.from([0x22, 0xff, 0xfe, 0x22])), 1006],
  "a compressed frame": [frame("{}", { flags: 0xc0 }), 1006],
  "a frame without a mask": [frame("{}", { masked: false }), 1006],
  "JSON 30,000 deep": [frame("[".repeat(30_000) + "]".repeat(30_000)), "malformed_message"],
  // What is inside a message is the receivers' business, however deep.
  "objects 10,000 deep in a message": [
    frame(`{"type":"publish","requestId":"1","channel":"c","data":${`{"a":`.repeat(10_000)}1${"}".repeat(10_000)}}`), "ack",
  ],
  "no JSON": [frame("hello"), "malformed_message"],
  "no type": [frame("[]"), "malformed_message"],
  "an unknown type": [frame(`{"type":"fly"}`), "unknown_type"],
};

test("frames that nobody should send cost whoever sends them, and nobody else", long, async (t) => {
  const { server, end } = await tortured(t);
  const [bystander] = await openMany(server.url, 1);
  await subscribed(bystander, "bystander");
  const each = count(100, 5);
  for (const [name, [bytes, expected]] of Object.entries(HOSTILE)) {
    const clients = await openMany(server.url, each);
    const outcomes = await Promise.all(clients.map(async (client) => {
      const answer = Promise.race([client.next("error").then(({ code }) => code), client.next("ack").then(({ type }) => type)]);
      client.socket.write(bytes);
      return within(Promise.race([answer, client.ended]), `an answer to ${name}`);
    }));
    assert.deepEqual([...new Set(outcomes)], [expected], name);
    if (typeof expected === "string") await Promise.all(clients.map((client) => client.close()));
  }
  const message = bystander.next("message");
  const [other] = await openMany(server.url, 1);
  other.send({ type: "publish", channel: "bystander", data: 1 });
  await within(message, "the bystander hears a message");
  await Promise.all([bystander.close(), other.close()]);
  await empty(server);
  await end({ kinds: Object.keys(HOSTILE).length, ofEach: each });
});

test("who does not read is let go before it costs the others anything", long, async (t) => {
  const { server, end, before } = await tortured(t, { limits: "outbound_queue_bytes = 262144\nmessages_per_second = 0" });
  const slow = await openMany(server.url, count(1_000, 30));
  const [reader, publisher] = await openMany(server.url, 2);
  await Promise.all([...slow, reader].map((client) => subscribed(client, "flood")));
  for (const client of slow) client.socket.pause();
  let heard = 0;
  reader.on("frame", ({ type }) => { heard += type === "message" ? 1 : 0; });
  const data = "x".repeat(32_000);
  let published = 0;
  let peak = 0;
  // One after the other, so that only those fall behind who do not read.
  await until(async () => {
    const ack = publisher.next("ack");
    publisher.send({ type: "publish", channel: "flood", data, requestId: `${published}` });
    await within(ack, "the publisher's answer");
    published += 1;
    await until(() => heard === published, "the reader hears everything");
    peak = Math.max(peak, residentKiB(server.pid));
    return published % 10 === 0 && (await metric(server, "metered_connections")) === 2;
  }, "only those who read are left", PATIENCE_MS);
  for (const client of slow) client.socket.destroy();
  await Promise.all([reader.close(), publisher.close()]);
  await empty(server);
  await stillServes(server);
  await end({ slowConsumers: slow.length, published, peakKiB: peak });
  assert.ok(peak - before < slow.length * 512 + 65_536, `${peak - before} KiB for ${slow.length} slow consumers`);
});

test("a server that has no file left serves those who are in, and then the others", long, async (t) => {
  const { server, end } = await tortured(t, { command: ["prlimit", "--nofile=128"], kept: true, stderr: "ignore" });
  const [a, b] = await openMany(server.url, 2);
  await subscribed(a, "inside");
  const crowd = Array.from({ length: 300 }, () => new RawClient(server.url));
  const opened = crowd.map((client) => client.open());
  opened.forEach((open) => open.catch(() => {}));
  await Promise.all(crowd.slice(0, 64).map((_, i) => within(opened[i], "some of the crowd come in")));
  for (let n = 0; n < 20; n += 1) {
    const message = a.next("message");
    b.send({ type: "publish", channel: "inside", data: n });
    assert.equal((await within(message, "those inside hear each other")).data, n);
  }
  let inside = 0;
  opened.forEach((open) => open.then(() => { inside += 1; }, () => {}));
  await new Promise((resolve) => setTimeout(resolve));
  const atOnce = inside;
  // Whoever leaves makes room for somebody who waits.
  await within(Promise.all(crowd.map(async (client, i) => {
    await opened[i];
    await client.close();
  })), "everybody has been in", PATIENCE_MS);
  await stillServes(server);
  await end({ files: 128, crowd: crowd.length, insideAtOnce: atOnce });
});

for (const [end, name] of [["kill", "a server that is killed and comes back"], ["stop", "a server that is stopped and comes back"]]) {
  test(`everybody finds back to ${name}`, long, async (t) => {
    const { server, health } = await tortured(t);
    await health.stop();
    const many = count(1_000, 40);
    const clients = Array.from({ length: many }, () => new SignallingClient({ apiKey: KEY, url: server.url }));
    t.after(() => Promise.all(clients.map((client) => client.close())));
    for (let i = 0; i < many; i += 50) await Promise.all(clients.slice(i, i + 50).map((client) => client.connect()));
    const arrivals = [];
    const back = clients.map((client) => once(client, "connected", { timeout: PATIENCE_MS }).then(() => arrivals.push(performance.now())));
    const left = clients.map((client) => once(client, "disconnected", { timeout: PATIENCE_MS }));
    await server[end]();
    await Promise.all(left);
    await server.start();
    await Promise.all(back);
    await stillServes(server);
    const span = Math.round(arrivals.at(-1) - arrivals[0]);
    report(t.name, { clients: many, allBackInMs: span, mostIn100Ms: most(arrivals, 100) });
  });
}

test("a server whose log has no room any more goes on", long, async (t) => {
  const full = openSync("/dev/full", "w");
  const { server, end } = await tortured(t, { log: `level = "trace"`, stderr: full });
  for (const client of await openMany(server.url, 20)) await client.close();
  await stillServes(server);
  await end({});
});
