// Hints of the platform: the network is back, the page is in front again, the machine woke up.

import assert from "node:assert/strict";
import { FakeServer, Target } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { once, settle } from "../support/wait.mjs";

/** A window with its document, in place of the globals of a page. */
const page = (t) => {
  const window = new Target();
  const document = Object.assign(new Target(), { visibilityState: "visible" });
  const names = { document, addEventListener: window.addEventListener.bind(window), removeEventListener: window.removeEventListener.bind(window) };
  Object.assign(globalThis, names);
  t.after(() => { for (const name in names) delete globalThis[name]; });
  return { window, document };
};

const { SignallingClient } = await import("metered-realtime");

const setUp = async (t, options) => {
  const server = new FakeServer();
  const client = new SignallingClient({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory,
    reconnect: { initialDelayMs: 3_600_000, maxDelayMs: 3_600_000 }, ...options,
  });
  t.after(() => client.close());
  await client.connect();
  return { server, client };
};

test("a backoff ends when the network is back, the page is shown again or comes out of a cache or a freeze", async (t) => {
  const { window, document } = page(t);
  const { server, client } = await setUp(t);
  for (const [target, hint] of [[window, "online"], [window, "pageshow"], [document, "visibilitychange"], [document, "resume"]]) {
    server.socket.drop();
    assert.equal(client.state, "reconnecting", hint);
    const connected = once(client, "connected");
    target.dispatch(hint);
    await connected;
  }
});

test("a page that is hidden does not hurry", async (t) => {
  const { document } = page(t);
  const { server, client } = await setUp(t);
  server.socket.drop();
  document.visibilityState = "hidden";
  document.dispatch("visibilitychange");
  await settle();
  assert.deepEqual([client.state, server.sockets.length], ["reconnecting", 1]);
});

test("a connection is asked at once, once, and stays if it answers", async (t) => {
  const { window, document } = page(t);
  const { server, client } = await setUp(t);
  window.dispatch("online");
  document.dispatch("visibilitychange");
  await settle();
  assert.equal(server.sent("ping").length, 1);
  server.socket.receive({ type: "pong" });
  assert.equal(typeof client.latencyMs, "number");
  window.dispatch("online");
  assert.equal(server.sent("ping").length, 2);
});

test("being offline alone tears nothing down", async (t) => {
  const { window } = page(t);
  const { server, client } = await setUp(t);
  window.dispatch("offline");
  await settle();
  assert.deepEqual([client.state, server.socket.sent], ["connected", []]);
});

test("the platform is listened to from connect() to close(), and not before or after", async (t) => {
  const { window, document } = page(t);
  const server = new FakeServer();
  const client = new SignallingClient({ apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory });
  const held = () => window.added + document.added - window.removed - document.removed;
  assert.equal(held(), 0);
  await client.connect();
  assert.equal(held(), 4);
  await client.close();
  assert.equal(held(), 0);
});

test("a machine that has slept asks at once, and gives a connection up that does not answer soon", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  let now = performance.now();
  t.mock.method(performance, "now", () => now);
  const pass = (ms) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  const { server, client } = await setUp(t, { inactivityTimeoutMs: 60_000 });
  // The clock that timers run by stands still meanwhile, the one on the wall does not.
  t.mock.timers.setTime(Date.now() + 3_600_000);
  pass(20_010);
  assert.deepEqual([client.state, server.sent("ping").length], ["connected", 1]);
  pass(5_010);
  assert.deepEqual([client.state, server.socket.readyState], ["reconnecting", 3]);
});
