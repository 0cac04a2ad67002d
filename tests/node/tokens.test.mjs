// Tokens: identity, metadata and permissions come from what a backend signed.

import assert from "node:assert/strict";
import { SignallingConnectError } from "metered-realtime";
import { channelName, connect, join, newClient, newPeer, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record } from "../support/wait.mjs";

const signed = (claims, more) => ({ apiKey: undefined, tokenProvider: () => token(claims), ...more });

test("a token's subject is the peer id, from a provider that answers at once or later", async (t) => {
  const direct = await connect(t, signed({ sub: "direct" }));
  assert.equal(direct.peerId, "direct");
  const later = await connect(t, { apiKey: undefined, tokenProvider: async () => token({ sub: "later" }) });
  assert.equal(later.peerId, "later");
});

test("the welcome tells when the token expires and which ICE servers its metadata names", async (t) => {
  const iceServers = [{ urls: ["stun:127.0.0.1:1"] }, { urls: "turn:127.0.0.1:1", username: "u", credential: "c" }];
  const exp = Math.floor(Date.now() / 1000) + 120;
  const client = await newClient(t, signed({ sub: "p", exp, metadata: { iceServers } }));
  const connected = once(client, "connected");
  await client.connect();
  const welcome = await connected;
  assert.equal(welcome.expiresAt, exp);
  assert.deepEqual(welcome.iceServers, iceServers);
});

test("ICE servers of the token are in the configuration of every connection", async (t) => {
  const configs = [];
  const { default: wrtc } = await import("@roamhq/wrtc");
  const rtcPeerConnectionFactory = (config) => {
    configs.push(config);
    return new wrtc.RTCPeerConnection();
  };
  const channel = channelName();
  await join(t, channel);
  const iceServers = [{ urls: "turn:127.0.0.1:1", username: "u", credential: "c" }];
  const peer = await join(t, channel, signed({ sub: "ice", metadata: { iceServers } }, { rtcPeerConnectionFactory }));
  if (peer.remotePeers.length === 0) await once(peer, "peer-joined");
  assert.deepEqual(configs, [{ iceServers }]);
});

test("peerMetadata is the remote's metadata, in the snapshot and in later presence", async (t) => {
  const channel = channelName();
  const ada = await join(t, channel, signed({ sub: "ada", peerMetadata: { name: "Ada", tags: ["x"] } }));
  const bob = await join(t, channel, signed({ sub: "bob", peerMetadata: { name: "Bob" } }));
  assert.deepEqual((await remoteOf(bob, "ada")).metadata, { name: "Ada", tags: ["x"] });
  const remote = await remoteOf(ada, "bob");
  assert.deepEqual(remote.metadata, { name: "Bob" });

  const left = once(ada, "peer-left");
  await bob.close();
  await left;
  assert.deepEqual(remote.metadata, { name: "Bob" }, "the metadata outlives the peer");
});

test("a direct message carries its sender's metadata", async (t) => {
  const ada = await connect(t, signed({ sub: "ada-1", peerMetadata: { name: "Ada" } }));
  const bob = await connect(t, signed({ sub: "bob-1" }));
  const direct = once(bob, "direct");
  await ada.send("bob-1", "hi");
  assert.deepEqual(await direct, { from: "ada-1", fromMetadata: { name: "Ada" }, data: "hi" });
});

test("a provider is asked again for every reconnect", async (t) => {
  let asked = 0;
  const tokenProvider = () => {
    asked += 1;
    return token({ sub: "again", exp: Math.floor(Date.now() / 1000) + (asked === 1 ? 2 : 600) });
  };
  const client = await connect(t, { apiKey: undefined, tokenProvider, reconnect: { initialDelayMs: 20 } });
  // The first token expires: the server closes, the client comes back with the next one.
  const { code, willReconnect } = await once(client, "disconnected");
  assert.deepEqual([code, willReconnect], [4002, true]);
  assert.equal((await once(client, "connected")).isReconnect, true);
  assert.equal(asked, 2);
  assert.equal(client.peerId, "again");
});

test("a token that the server does not accept rejects connect() with 4001", async (t) => {
  for (const bad of ["nonsense", token({ sub: "x" }, { secret: "wrong" }), token({ sub: "x" }, { keyId: "sk_id_other" }), token({ sub: "x", exp: 1 })]) {
    const client = await newClient(t, { apiKey: undefined, tokenProvider: () => bad });
    await assert.rejects(client.connect(), (error) => {
      assert.ok(error instanceof SignallingConnectError);
      assert.ok([4001, 4002].includes(error.closeCode), `${error.closeCode}`);
      assert.ok(!JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes(bad.slice(0, 20)));
      return true;
    });
  }
});

test("a provider's own error rejects connect() as it is", async (t) => {
  const mine = new RangeError("no token today");
  for (const tokenProvider of [() => { throw mine; }, async () => { throw mine; }]) {
    const client = await newClient(t, { apiKey: undefined, tokenProvider });
    await assert.rejects(client.connect(), (error) => error === mine);
    assert.equal(client.state, "closed");
  }
});

test("a provider that answers no token, or not in time, is an error that says so", async (t) => {
  for (const answer of [undefined, null, "", 5, {}]) {
    const client = await newClient(t, { apiKey: undefined, tokenProvider: () => answer });
    await assert.rejects(client.connect(), { name: "TokenProviderError", message: /non-empty string/ });
  }
  const client = await newClient(t, { apiKey: undefined, tokenProvider: () => new Promise(() => {}), tokenProviderTimeoutMs: 30 });
  await assert.rejects(client.connect(), { name: "TokenProviderError", message: /tokenProviderTimeoutMs/ });
});

test("a provider that fails while reconnecting is asked until it succeeds, and from the third time on it is an event", async (t) => {
  let failing = false;
  const tokenProvider = () => {
    if (failing) throw new Error("backend down");
    return token({ sub: "patient", exp: Math.floor(Date.now() / 1000) + 2 });
  };
  const client = await newPeer(t, { apiKey: undefined, tokenProvider, reconnect: { initialDelayMs: 5, maxDelayMs: 5 } });
  await client.join(channelName());
  failing = true;
  const errors = record(client, "error");
  await errors.reach(2);
  assert.equal(errors.payloads[0].err.name, "TokenProviderError");
  assert.equal(client.state, "reconnecting");
  failing = false;
  await once(client, "state-change", { filter: ({ to }) => to === "joined" });
});

test("a token is renewed before it expires, and the subscriptions with it", async (t) => {
  const tokens = [];
  const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;
  const tokenProvider = () => {
    tokens.push(token({ sub: "renewed", exp: inSeconds(tokens.length === 0 ? 3 : 600) }));
    return tokens.at(-1);
  };
  const channel = channelName();
  const client = await connect(t, { apiKey: undefined, tokenProvider, refreshBeforeExpiryMs: 2_500 });
  await client.subscribe(channel);
  const [disconnected, connected] = [once(client, "disconnected"), once(client, "connected")];
  assert.deepEqual(await disconnected, { code: 4002, reason: "token refresh", willReconnect: true });
  assert.ok((await connected).expiresAt > inSeconds(500));
  assert.equal(tokens.length, 2);
  const heard = record(client, "message");
  await (await connect(t)).publish(channel, "after");
  await heard.reach(1);
});

test("where that is off, the server closes the connection when the token expires, and the client comes back", async (t) => {
  const exp = Math.floor(Date.now() / 1000) + 2;
  const tokens = [token({ sub: "expired", exp }), token({ sub: "expired" })];
  const client = await connect(t, { apiKey: undefined, tokenProvider: () => tokens.shift(), refreshBeforeExpiryMs: 0 });
  const connected = once(client, "connected");
  const { code, willReconnect } = await once(client, "disconnected");
  assert.deepEqual([code, willReconnect], [4002, true]);
  await connected;
});
