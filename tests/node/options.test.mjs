// The constructors check every option when it is given, and name the one that is wrong.

import assert from "node:assert/strict";
import { DataChannel, MeteredPeer, RemotePeer, SignallingClient } from "metered-realtime";
import { FakeChannel, FakeConnection, FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";

const apiKey = "pk_live_secret";
const valid = { apiKey, url: "ws://localhost:9292" };

const refused = (Class, options, name, ...others) => {
  assert.throws(() => new Class(...others, options), (error) => {
    assert.ok(error instanceof TypeError, `${error}`);
    assert.match(error.message, new RegExp(`\`${name}\``));
    assert.ok(!error.message.includes("secret"), "no credential in the message");
    return true;
  }, `${Class.name} took ${name} = ${JSON.stringify(options)}`);
};

const bad = [
  ["options", undefined], ["options", null], ["options", "pk_live_secret"],
  ["apiKey", {}], ["apiKey", { ...valid, apiKey: "" }], ["apiKey", { ...valid, apiKey: 5 }],
  ["apiKey", { ...valid, tokenProvider: () => "t" }],
  ["tokenProvider", { tokenProvider: "secret" }],
  ["url", { ...valid, url: "" }], ["url", { ...valid, url: 7 }], ["url", { ...valid, url: "example.com" }],
  ["url", { ...valid, url: "http://localhost" }], ["url", { ...valid, url: "ws://example.com" }],
  ["url", { ...valid, url: "wss://example.com/v1" }], ["url", { ...valid, url: "wss://example.com?key=1" }],
  ["url", { ...valid, url: "wss://example.com#x" }], ["url", { ...valid, url: "wss://user:pass@example.com" }],
  ["tokenProviderTimeoutMs", { ...valid, tokenProviderTimeoutMs: 0 }],
  ["tokenProviderTimeoutMs", { ...valid, tokenProviderTimeoutMs: -1 }],
  ["tokenProviderTimeoutMs", { ...valid, tokenProviderTimeoutMs: Infinity }],
  ["tokenProviderTimeoutMs", { ...valid, tokenProviderTimeoutMs: "10" }],
  ["inactivityTimeoutMs", { ...valid, inactivityTimeoutMs: "60" }], ["inactivityTimeoutMs", { ...valid, inactivityTimeoutMs: NaN }],
  ["refreshBeforeExpiryMs", { ...valid, refreshBeforeExpiryMs: -1 }], ["refreshBeforeExpiryMs", { ...valid, refreshBeforeExpiryMs: "1" }],
  ["autoResubscribe", { ...valid, autoResubscribe: "no" }],
  ["reconnect", { ...valid, reconnect: true }], ["reconnect", { ...valid, reconnect: 5 }],
  ["initialDelayMs", { ...valid, reconnect: { initialDelayMs: 0 } }],
  ["multiplier", { ...valid, reconnect: { multiplier: 0.5 } }],
  ["maxDelayMs", { ...valid, reconnect: { maxDelayMs: -1 } }],
  ["jitterRatio", { ...valid, reconnect: { jitterRatio: 1.5 } }],
  ["maxAttempts", { ...valid, reconnect: { maxAttempts: -1 } }],
  ["webSocketFactory", { ...valid, webSocketFactory: {} }],
  ["logger", { ...valid, logger: "console" }],
];

for (const Class of [SignallingClient, MeteredPeer]) {
  test(`${Class.name} refuses every bad option at construction`, () => {
    for (const [name, options] of bad) refused(Class, options, name);
  });

  test(`${Class.name} takes every good option`, () => {
    for (const options of [
      valid, { ...valid, apiKey: undefined, tokenProvider: () => "t" }, { apiKey }, { apiKey, url: "wss://example.com:8443" },
      { ...valid, url: "ws://127.0.0.1:1" }, { ...valid, url: "ws://[::1]:1" }, { ...valid, url: "wss://example.com/" },
      { ...valid, reconnect: false }, { ...valid, reconnect: {} }, { ...valid, inactivityTimeoutMs: 0 },
      { ...valid, inactivityTimeoutMs: Infinity }, { ...valid, refreshBeforeExpiryMs: 0 }, { ...valid, logger: {} }, { ...valid, logger: console }, { ...valid, unknownOption: 1 },
      { ...valid, reconnect: { initialDelayMs: 1, multiplier: 1, maxDelayMs: 1, jitterRatio: 0, maxAttempts: Infinity } },
      { ...valid, url: undefined, logger: undefined, reconnect: undefined, webSocketFactory: undefined },
    ]) new Class(options);
  });
}

test("MeteredPeer refuses a factory for connections that is no function", () => {
  refused(MeteredPeer, { ...valid, rtcPeerConnectionFactory: FakeConnection.prototype }, "rtcPeerConnectionFactory");
});

test("DataChannel refuses what is no channel, and every bad limit", () => {
  for (const channel of [undefined, null, 7, "chat"]) {
    assert.throws(() => new DataChannel(channel), (error) => error instanceof TypeError && error.message.includes("`channel`"));
  }
  for (const options of [{ maxBufferedAmount: 0 }, { maxBufferedAmount: NaN }, { maxBufferedAmount: "1" }, { bufferedAmountLowThreshold: -1 }, { maxQueuedSends: -1 }, { logger: 1 }]) {
    refused(DataChannel, options, Object.keys(options)[0], new FakeChannel());
  }
  new DataChannel(new FakeChannel(), { maxBufferedAmount: 1, bufferedAmountLowThreshold: 0, maxQueuedSends: 0 });
});

test("an option that throws when it is read throws through, and harms nobody else", () => {
  const trap = new Proxy(valid, { get(target, name) { if (name === "url") throw new RangeError("trap"); return target[name]; } });
  assert.throws(() => new SignallingClient(trap), RangeError);
  new SignallingClient(valid);
});

test("a constructor needs `new`", () => {
  for (const Class of [SignallingClient, MeteredPeer, DataChannel]) assert.throws(() => Class(valid), TypeError);
});

test("classes have the names that they are exported by", () => {
  assert.deepEqual([SignallingClient, MeteredPeer, RemotePeer, DataChannel].map((Class) => Class.name),
    ["SignallingClient", "MeteredPeer", "RemotePeer", "DataChannel"]);
});

test("constructing does not connect", () => {
  const server = new FakeServer();
  new MeteredPeer({ ...valid, webSocketFactory: server.factory });
  assert.equal(server.sockets.length, 0);
});

test("the URL given is an origin to which the path and the credential are added, escaped", async (t) => {
  const server = new FakeServer();
  const client = new SignallingClient({ apiKey: "k/&= ü", url: "wss://example.com:8443", webSocketFactory: server.factory });
  t.after(() => client.close());
  await client.connect();
  const url = new URL(server.socket.url);
  assert.equal(url.origin + url.pathname, "wss://example.com:8443/v1");
  assert.equal(url.searchParams.get("key"), "k/&= ü");
});
