// Every error a caller can meet: its class, name, code and fields, and a message without foreign text.

import assert from "node:assert/strict";
import * as realtime from "metered-realtime";
import { FakeServer } from "../support/fakes.mjs";
import { channelName, connect, join, newClient, newPeer } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, settle, until } from "../support/wait.mjs";

const {
  AckTimeoutError, DataChannelOverflowError, DisconnectedError, IceRestartExhaustedError, InternalError,
  MeteredPeerOversizedError,
  MeteredPeerSendError, MeteredPeerStateError, NotConnectedError, OversizedPayloadError, ReconcileTimeoutError,
  ServerRequestError, SignallingClient, SignallingConnectError,
} = realtime;

/** What a promise rejects with, after checking that it is an error of a class and looks like one. */
const rejection = async (promise, Class, expected = Class.name) => {
  const error = await promise.then(() => assert.fail(`resolved, expected ${expected}`), (reason) => reason);
  assert.ok(error instanceof Class, `${error} is no ${expected}`);
  const name = error instanceof ServerRequestError ? error.code : expected;
  assert.ok(error instanceof Error);
  assert.equal(error.name, name);
  assert.match(error.stack, /\n\s+at /);
  assert.ok(!Object.keys(error).includes("name"), "the name is not one of the fields");
  return error;
};

test("every error class can be constructed by its exported name and is an Error", () => {
  const samples = [
    new SignallingConnectError(4001, "bad key"), new NotConnectedError(), new DisconnectedError(), new AckTimeoutError("1", 15000),
    new OversizedPayloadError(2, 1), new MeteredPeerOversizedError(2, 1),
    new MeteredPeerSendError("self_send"), new MeteredPeerStateError("invalid_state", "join", "why", "joined"),
    new DataChannelOverflowError(256, 256), new IceRestartExhaustedError(), new ReconcileTimeoutError(), new InternalError(new Error("why")),
  ];
  for (const error of samples) {
    assert.ok(error instanceof Error);
    assert.equal(error.name, error.constructor.name);
    assert.match(String(error), new RegExp(`^${error.name}: .`));
  }
});

test("the name of a server's refusal is its code, and its message has nothing of the server's", () => {
  const error = new ServerRequestError("peer_not_found", "7", "nobody there");
  assert.ok(error instanceof ServerRequestError && error instanceof Error);
  const { name, code, requestId, serverMessage, message } = error;
  assert.deepEqual([name, code, requestId, serverMessage], ["peer_not_found", "peer_not_found", "7", "nobody there"]);
  assert.doesNotMatch(message, /nobody|peer_not_found/);
  assert.equal(ServerRequestError.name, "ServerRequestError");
});

test("the two errors about a size are of two kinds, so that a program can tell where it came from", () => {
  assert.ok(!(new MeteredPeerOversizedError(2, 1) instanceof OversizedPayloadError));
  assert.ok(!(new OversizedPayloadError(2, 1) instanceof MeteredPeerOversizedError));
});

test("a refused connection rejects connect() with the close code and its reason", async (t) => {
  const client = await newClient(t, { apiKey: "pk_live_nobody" });
  const error = await rejection(client.connect(), SignallingConnectError);
  assert.equal(error.closeCode, 4001);
  assert.equal(typeof error.closeReason, "string");
  assert.ok(!error.message.includes("nobody"), "the key is not in the message");
  assert.equal(client.state, "closed");
});

test("a server that cannot be reached rejects connect() with code 1006", async (t) => {
  const client = await newClient(t, { url: "ws://127.0.0.1:1" });
  assert.equal((await rejection(client.connect(), SignallingConnectError)).closeCode, 1006);
});

test("a request before connect() is refused and says that nothing was sent", async (t) => {
  const client = await newClient(t);
  for (const request of [client.subscribe("a"), client.unsubscribe("a"), client.publish("a", 1), client.send("b", 1)]) {
    assert.equal((await rejection(request, NotConnectedError)).code, "not_connected");
  }
});

test("a refusal of the server rejects the request with the server's code", async (t) => {
  const client = await connect(t);
  const error = await rejection(client.send("nobody-of-this-name", 1), ServerRequestError);
  assert.equal(error.code, "peer_not_found");
  assert.match(error.requestId, /./);
  const reserved = await rejection(client.subscribe("_metered/x"), ServerRequestError);
  assert.equal(reserved.code, "channel_reserved");
});

test("a token without a permission or a channel is refused request by request", async (t) => {
  const limited = { sub: "limited", channels: ["mine-*"], permissions: ["subscribe"] };
  const client = await connect(t, { apiKey: undefined, tokenProvider: () => token(limited) });
  assert.equal((await rejection(client.subscribe("yours-1"), ServerRequestError)).code, "channel_not_authorized");
  await client.subscribe("mine-1");
  assert.equal((await rejection(client.publish("mine-1", 1), ServerRequestError)).code, "action_not_permitted");
});

test("a code that this version does not know passes through", async (t) => {
  const server = new FakeServer();
  const client = await connect(t, { webSocketFactory: server.factory });
  server.onFrame = (frame, socket) => {
    socket.receive({ type: "error", code: "moon_phase", requestId: frame.requestId, message: "wait for it" });
    return true;
  };
  const error = await rejection(client.publish("a", 1), ServerRequestError);
  assert.equal(error.code, "moon_phase");
  assert.equal(error.serverMessage, "wait for it");
  assert.ok(!error.message.includes("wait for it"), "what the server sent is in the field alone");
});

test("a message over the server's limit is refused before it is sent, with both sizes", async (t) => {
  const client = await connect(t);
  const channel = channelName();
  await client.subscribe(channel);
  const error = await rejection(client.publish(channel, "x".repeat(70_000)), OversizedPayloadError);
  assert.equal(error.code, "oversized_payload");
  assert.equal(error.cap, 65536);
  assert.ok(error.size > 70_000 && error.size < 70_300);

  const peer = await join(t, channelName());
  assert.equal((await rejection(peer.send("x".repeat(70_000)), MeteredPeerOversizedError)).cap, 65536);
  // The connection has not suffered.
  await client.publish(channel, "small");
  await peer.send("small");
});

test("the size counts UTF-8 bytes, to the last byte that fits", async (t) => {
  const client = await connect(t);
  const channel = channelName();
  const error = await rejection(client.publish(channel, "ß".repeat(40_000)), OversizedPayloadError);
  const overhead = error.size - 80_000;
  const fitting = (65536 - overhead) / 2;
  // The next request's id may be a digit longer than this one's, never shorter.
  await client.publish(channel, "ß".repeat(Math.floor(fitting) - 1));
  await rejection(client.publish(channel, "ß".repeat(Math.floor(fitting) + 1)), OversizedPayloadError);
});

test("a request whose answer never comes rejects when the connection is lost", async (t) => {
  const server = new FakeServer();
  const client = await connect(t, { webSocketFactory: server.factory });
  server.onFrame = () => true;
  const request = client.publish("a", 1);
  await settle();
  server.socket.drop();
  assert.equal((await rejection(request, DisconnectedError)).code, "disconnected");
});

test("a request whose answer never comes rejects after the documented 15 s", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = performance.now();
  t.mock.method(performance, "now", () => now);
  const server = new FakeServer();
  const client = new SignallingClient({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory });
  await client.connect();
  server.onFrame = () => true;
  const request = client.publish("a", 1);
  for (let waited = 0; waited <= 16_000; waited += 1_000) {
    now += 1_000;
    t.mock.timers.tick(1_000);
  }
  const error = await rejection(request, AckTimeoutError);
  assert.equal(error.code, "ack_timeout");
  assert.equal(error.timeoutMs, 15_000);
  assert.match(error.requestId, /./);
});

test("sending without a room, to oneself or to a reserved channel has a code each", async (t) => {
  const peer = await newPeer(t);
  assert.equal((await rejection(peer.send(1), MeteredPeerSendError)).code, "not_joined");
  assert.equal((await rejection(peer.sendTo("somebody", 1), MeteredPeerSendError)).code, "not_joined");
  assert.equal((await rejection(peer.join("_Internal/x"), MeteredPeerSendError)).code, "reserved_channel");
  assert.equal(peer.state, "idle");

  await peer.join(channelName());
  assert.equal((await rejection(peer.sendTo(peer.peerId, 1), MeteredPeerSendError)).code, "self_send");
  assert.equal((await rejection(peer.sendTo("nobody", 1), ServerRequestError)).code, "peer_not_found");
});

test("sending nothing, or to no id, has a code and a message that names the argument", async (t) => {
  const peer = await join(t, channelName());
  for (const [argument, sent] of [["data", peer.send()], ["data", peer.sendTo("x")], ["peerId", peer.sendTo("", 1)], ["peerId", peer.sendTo({}, 1)]]) {
    const error = await rejection(sent, MeteredPeerSendError);
    assert.equal(error.code, "invalid_args");
    assert.match(error.message, new RegExp(`\`${argument}\``));
  }
});

test("join() in a wrong state names the method and the state", async (t) => {
  const peer = await join(t, channelName());
  const error = await rejection(peer.join("another"), MeteredPeerStateError);
  assert.equal(error.code, "invalid_state");
  assert.equal(error.method, "join");
  assert.equal(error.currentState, "joined");
  await peer.close();
  assert.equal((await rejection(peer.join("another"), MeteredPeerStateError)).currentState, "closed");
});

test("a join that the server refuses leaves the peer idle, and the next one works", async (t) => {
  const claims = { sub: "peer-1", channels: ["mine-*"] };
  const peer = await newPeer(t, { apiKey: undefined, tokenProvider: () => token(claims) });
  assert.equal((await rejection(peer.join("yours"), ServerRequestError)).code, "channel_not_authorized");
  assert.equal(peer.state, "idle");
  assert.equal(peer.channel, null);
  await peer.join("mine-1");
  assert.equal(peer.state, "joined");
});

test("close() during connect() and join() rejects them", async (t) => {
  const client = await newClient(t);
  const connecting = client.connect();
  await client.close();
  await rejection(connecting, Error, "AbortError");

  const peer = await newPeer(t);
  const joining = peer.join(channelName());
  await peer.close();
  await rejection(joining, Error, "AbortError");
  assert.equal(peer.state, "closed");
});

test("a bad argument is a TypeError that names it", async (t) => {
  const client = await connect(t);
  const peer = await join(t, channelName());
  const bad = {
    channel: [() => client.subscribe(""), () => client.subscribe(7), () => client.publish("a\u0000b", 1), () => client.subscribe("x".repeat(257)),
      () => client.unsubscribe(undefined), () => peer.join(null)],
    peerId: [() => client.send("", 1), () => client.send("ü", 1), () => client.send("x".repeat(129), 1)],
    data: [() => client.publish("a"), () => client.publish("a", () => {}), () => client.publish("a", Symbol("s")), () => client.send("b", 1n),
      () => { const ring = {}; ring.self = ring; return peer.send(ring); }, () => peer.send({ toJSON() { throw new Error("no"); } })],
    includeSenderMetadata: [() => client.subscribe("a", { includeSenderMetadata: "yes" }), () => peer.join("a", { includeSenderMetadata: 1 })],
  };
  for (const [argument, calls] of Object.entries(bad)) {
    for (const call of calls) {
      const error = await rejection(call(), TypeError);
      assert.match(error.message, new RegExp(`\`${argument}\``), `${call}: ${error.message}`);
    }
  }
  await client.publish("a", null);
  await peer.send(null);
});

test("an error of the server that answers no request is an event", async (t) => {
  const server = new FakeServer();
  const client = await connect(t, { webSocketFactory: server.factory });
  const error = once(client, "server-error");
  server.socket.receive({ type: "error", code: "backend_error", message: "a hiccup" });
  assert.deepEqual(await error, { code: "backend_error", message: "a hiccup" });
  await until(() => client.state === "connected");
});
