// What becomes of a call that its caller gives up, and of the connection around it.

import assert from "node:assert/strict";
import { SignallingClient } from "metered-realtime";
import { FakeServer } from "../support/fakes.mjs";
import { channelName, connect, newClient } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

const setUp = (t, options) => {
  const server = new FakeServer();
  const client = new SignallingClient({ apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory, ...options });
  t.after(() => client.close());
  return { server, client };
};

const never = () => new Promise(() => {});

test("a signal that is aborted already rejects every call with its reason, and nothing is sent or remembered", async (t) => {
  const { server, client } = setUp(t);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(client.connect({ signal }), { message: "enough" });
  assert.deepEqual([client.state, server.sockets.length], ["idle", 0]);
  await client.connect();
  for (const call of [
    () => client.subscribe("c", { signal }), () => client.unsubscribe("c", { signal }),
    () => client.publish("c", 1, { signal }), () => client.send("p", 1, { signal }),
  ]) await assert.rejects(call(), { message: "enough" });
  assert.deepEqual(server.socket.sent, []);
});

test("an aborted connect() closes the socket, and the next one opens one", async (t) => {
  const server = new FakeServer();
  const silent = (url) => Object.assign(server.factory(url), { welcome: () => {} });
  const { client } = setUp(t, { webSocketFactory: silent });
  const controller = new AbortController();
  const connecting = client.connect({ signal: controller.signal });
  await settle();
  controller.abort();
  await assert.rejects(connecting, { name: "AbortError" });
  await settle();
  assert.deepEqual([client.state, server.socket.readyState], ["closed", 3]);
  const again = client.connect();
  again.catch(() => {});
  assert.deepEqual([client.state, server.sockets.length], ["connecting", 2]);
});

test("a connect() that is aborted while its token is on the way opens no socket", async (t) => {
  let answer;
  const { server, client } = setUp(t, { apiKey: undefined, tokenProvider: () => new Promise((resolve) => { answer = resolve; }) });
  const controller = new AbortController();
  const connecting = client.connect({ signal: controller.signal });
  await settle();
  controller.abort("no more");
  await assert.rejects(connecting, (reason) => reason === "no more");
  answer("token");
  await settle();
  assert.deepEqual([client.state, server.sockets.length], ["closed", 0]);
});

test("connect, close, connect with a token on the way open one socket, with the second token", async (t) => {
  const answers = [];
  const { server, client } = setUp(t, { apiKey: undefined, tokenProvider: () => new Promise((resolve) => answers.push(resolve)) });
  const first = assert.rejects(client.connect(), { name: "AbortError" });
  await settle();
  await client.close();
  const second = client.connect();
  await settle();
  answers[0]("stale");
  answers[1]("fresh");
  await Promise.all([first, second]);
  assert.deepEqual(server.sockets.map(({ url }) => url), ["ws://localhost:1/v1?token=fresh"]);
});

test("a signal has no hold on a call that has ended", async (t) => {
  const { client } = setUp(t);
  const controller = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  Object.assign(controller.signal, {
    addEventListener(...args) { listeners += 1; addEventListener.apply(this, args); },
    removeEventListener(...args) { listeners -= 1; removeEventListener.apply(this, args); },
  });
  await client.connect({ signal: controller.signal });
  await client.subscribe("c", { signal: controller.signal });
  assert.equal(listeners, 0);
  controller.abort();
  assert.equal(client.state, "connected");
});

test("an aborted request is rejected at once, and its answer disturbs nobody", async (t) => {
  const { server, client } = setUp(t);
  await client.connect();
  server.onFrame = ({ type }) => type === "publish";
  const controller = new AbortController();
  const call = client.publish("c", 1, { signal: controller.signal });
  await settle();
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  server.socket.receive({ type: "ack", requestId: server.sent("publish")[0].requestId });
  await client.subscribe("c");
});

test("what is no AbortSignal is a TypeError that says so", async (t) => {
  const { client } = setUp(t);
  for (const signal of [5, "abort", {}, new AbortController()]) {
    await assert.rejects(client.connect({ signal }), { name: "TypeError", message: /`signal`/ });
  }
  assert.equal(client.state, "idle");
});

test("close() takes the codes and reasons that a WebSocket takes, and refuses others without closing", async (t) => {
  const { server, client } = setUp(t);
  await client.connect();
  for (const code of [0, 999, 1001, 2999, 5000, 3000.5, NaN, "1000", null]) {
    await assert.rejects(client.close(code), { name: "TypeError", message: /`code`/ });
  }
  for (const reason of [5, {}, "€".repeat(42)]) {
    await assert.rejects(client.close(1000, reason), { name: "TypeError", message: /`reason`/ });
  }
  assert.equal(client.state, "connected");
  const closed = once(server.socket, "close");
  await client.close(4999, "€".repeat(41));
  assert.deepEqual(await closed, { code: 4999, reason: "€".repeat(41) });
});

test("close() is the last disconnect, and ends the streams of events() after it", async (t) => {
  const { client } = setUp(t);
  await client.connect();
  const heard = [];
  const read = (async () => { for await (const event of client.events("disconnected")) heard.push(event); })();
  const order = [];
  for (const name of ["state-change", "disconnected"]) client.on(name, () => order.push(name));
  await client.close();
  await read;
  assert.deepEqual(heard, [{ code: 1000, reason: "client requested close", willReconnect: false }]);
  assert.deepEqual(order, ["state-change", "disconnected"]);
  await client.connect();
  const next = client.events("state-change").next();
  await client.close();
  assert.equal((await next).value.to, "closed", "a client that connects again has events again");
});

test("a stream that was opened before the first connect outlives its failure", async (t) => {
  const server = new FakeServer();
  let refuse = true;
  const { client } = setUp(t, { webSocketFactory: (url) => {
    if (refuse) throw new Error("refused by the content security policy");
    return server.factory(url);
  } });
  const states = client.events("state-change");
  await assert.rejects(client.connect(), { name: "SignallingConnectError", closeCode: 1006 });
  refuse = false;
  await client.connect();
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push((await states.next()).value.to);
  assert.deepEqual(seen, ["connecting", "closed", "connecting", "connected"]);
});

test("a welcome that never comes is waited for 10 s", async (t) => {
  const server = new FakeServer();
  const { client } = setUp(t, { webSocketFactory: (url) => Object.assign(server.factory(url), { welcome: () => {} }) });
  const { mock } = t;
  mock.timers.enable({ apis: ["setTimeout"] });
  const now = performance.now();
  mock.method(performance, "now", () => now + elapsed);
  let elapsed = 0;
  const connecting = client.connect();
  elapsed = 9_990;
  mock.timers.tick(9_990);
  assert.equal(client.state, "connecting");
  elapsed = 10_010;
  mock.timers.tick(20);
  await assert.rejects(connecting, { name: "SignallingConnectError", closeCode: 4000 });
  assert.equal(server.socket.readyState, 3);
});

test("latencyMs is undefined first, and the round trip of the latest request afterwards", async (t) => {
  const client = await newClient(t);
  assert.equal(client.latencyMs, undefined);
  await client.connect();
  await client.publish(channelName(), "x");
  assert.ok(client.latencyMs >= 0 && client.latencyMs < 1_000, `${client.latencyMs} ms`);
});

test("a value that JSON cannot carry is a TypeError before anything is sent", async (t) => {
  const { server, client } = setUp(t);
  await client.connect();
  const cycle = {};
  cycle.itself = cycle;
  for (const data of [undefined, 5n, cycle, () => {}, Symbol("s"), { toJSON: () => undefined }]) {
    await assert.rejects(client.publish("c", data), { name: "TypeError", message: /`data`/ });
    await assert.rejects(client.send("p", data), { name: "TypeError", message: /`data`/ });
  }
  assert.deepEqual(server.socket.sent, []);
});

test("an invalid channel is a TypeError, and is not subscribed to after a reconnect", async (t) => {
  const { server, client } = setUp(t, { reconnect: { initialDelayMs: 1, maxDelayMs: 1 } });
  await client.connect();
  for (const name of ["", "x".repeat(257), "a\u0000b", 5, undefined]) {
    await assert.rejects(client.subscribe(name), { name: "TypeError", message: /`channel`/ });
  }
  const again = once(client, "connected");
  server.socket.drop();
  await again;
  assert.deepEqual(server.socket.sent, []);
});

test("errors and log lines hold no credential, whatever the platform puts into its own", async (t) => {
  const secret = "pk_live_secret";
  const lines = [];
  const level = (name) => (...line) => lines.push([name, ...line]);
  const logger = { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
  const server = new FakeServer();
  let refuse = true;
  const { client } = setUp(t, {
    apiKey: secret, logger,
    webSocketFactory: (url) => {
      if (refuse) throw new SyntaxError(`The URL '${url}' is invalid.`);
      return server.factory(url);
    },
  });
  const errors = [await client.connect().catch((error) => error)];
  refuse = false;
  await client.connect();
  server.socket.receiveRaw("junk");
  server.socket.receive({ type: "novelty" });
  await client.close();
  const refused = new Error(`GET https://mint.example/?token=${secret}&user=1 failed`);
  const tokens = setUp(t, { apiKey: undefined, tokenProvider: () => { throw refused; } }).client;
  const failure = await tokens.connect().catch((error) => error);
  assert.equal(failure.message, "GET https://mint.example/?token=***&user=1 failed");
  errors.push(failure);
  assert.ok(lines.some(([name]) => name === "info") && lines.some(([name]) => name === "warn") && lines.some(([name]) => name === "debug"));
  const shown = JSON.stringify([lines, errors.map((error) => [error.message, error.stack, { ...error }])]);
  assert.ok(!shown.includes(secret), shown);
});

test("a subscriber of the real server that stops waiting goes on hearing", async (t) => {
  const channel = channelName();
  const [a, b] = [await connect(t), await connect(t)];
  const controller = new AbortController();
  const call = b.subscribe(channel, { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  const heard = record(b, "message");
  await b.publish(channelName(), "a request after it, so that it has been carried out");
  await a.publish(channel, 1);
  await heard.reach(1);
});

test("tokens of a provider that hangs, throws, or answers nothing end a first connect, each in its way", async (t) => {
  for (const [tokenProvider, expected] of [
    [never, { name: "TokenProviderError", message: /tokenProviderTimeoutMs/ }],
    [() => "", { name: "TokenProviderError", message: /non-empty/ }],
    [async () => undefined, { name: "TokenProviderError", message: /non-empty/ }],
    [() => { throw new RangeError("mint"); }, { name: "RangeError", message: "mint" }],
    [async () => { throw new RangeError("mint"); }, { name: "RangeError", message: "mint" }],
  ]) {
    const { server, client } = setUp(t, { apiKey: undefined, tokenProvider, tokenProviderTimeoutMs: 20 });
    await assert.rejects(client.connect(), expected);
    assert.deepEqual([client.state, server.sockets.length], ["closed", 0]);
  }
});
