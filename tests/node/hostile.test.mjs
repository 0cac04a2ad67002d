// Whatever arrives, nothing throws out of a dispatch, and the client goes on working. The fakes dispatch
// synchronously: an exception, or a trap of the wasm, would reach the line that delivers the frame.

import assert from "node:assert/strict";
import { MeteredPeer, SignallingClient } from "metered-realtime";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { once, record, settle } from "../support/wait.mjs";

const values = [
  undefined, null, true, false, 0, -1, 1.5, 1e308, -0, 2 ** 53, "", "x", "__proto__", "\u0000", "\ud800", "x".repeat(300), [], [[]], {}, { length: 3 },
  { type: "ack" }, { __proto__: null, toString: 1, valueOf: 2 }, JSON.parse(`{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}`),
];

const nested = (depth, open, close) => open.repeat(depth) + close.repeat(depth);

const garbage = [
  "", " ", "null", "true", "0", `"text"`, "[]", "{}", "{", "}", "not json", `{"type":null}`, `{"type":{}}`, `{"type":["ack"]}`, `{"type":"nobody knows"}`,
  `{"type":"constructor"}`, `{"type":"__proto__"}`, `{"type":"toString"}`, `{"type":"ack"}{"type":"ack"}`, "\u0000", "\ud800", "\ufeff{}",
  nested(5_000, "[", "]"), nested(100_000, "[", "]"), `{"type":"direct","from":"x","data":${nested(5_000, `{"a":`, "}").replace("{}", "{\"a\":1}")}}`,
  `{"type":"direct","from":"x","data":"${"y".repeat(1024 * 1024 - 100)}"}`, "z".repeat(1024 * 1024 + 1), `{"type":"direct","from":"x","data":1e999}`,
  `{"type":"message","channel":"room","from":"x","data":"\\ud800"}`, "{\"type\":\"pong\",\"type\":\"ack\"}",
];

const notText = [
  undefined, null, 0, true, {}, [], new ArrayBuffer(4), new Uint8Array([123, 125]), new Blob(["{}"]), Symbol("frame"), 10n, () => {},
  Object.create(null), { toString() { throw new Error("no"); } }, new Proxy({}, { get() { throw new Error("no"); } }),
];

const fields = {
  welcome: ["peerId", "expiresAt", "serverTime", "maxMessageSize", "metadata", "resume", "resumed"],
  ack: ["requestId"],
  error: ["code", "requestId", "message"],
  message: ["channel", "from", "data", "fromMetadata"],
  direct: ["from", "data", "fromMetadata"],
  presence: ["channel", "joined", "left"],
  going_away: ["retryAfterMs"],
  pong: ["requestId"],
};
const good = {
  peerId: "other", requestId: "1", code: "internal_error", channel: "room", from: "other", data: 1, joined: [], left: [], retryAfterMs: 1,
  serverTime: 1, maxMessageSize: 65536, expiresAt: null, metadata: {}, fromMetadata: {}, message: "m", resume: {}, resumed: false,
};

/** Every frame type with every field wrong in every way, one at a time, and missing. */
function* wrongFrames() {
  for (const [type, names] of Object.entries(fields)) {
    const frame = { type, ...Object.fromEntries(names.map((name) => [name, good[name]])) };
    for (const name of names) for (const value of values) yield { ...frame, [name]: value };
  }
  for (const value of values) {
    yield { type: "presence", channel: "room", joined: [value], left: [value] };
    yield { type: "presence", channel: "room", joined: [{ peerId: value, metadata: value }], left: [{ peerId: value }] };
    yield { type: "welcome", peerId: "me", serverTime: 1, maxMessageSize: 1, metadata: { iceServers: value } };
    yield { type: "welcome", peerId: "me", serverTime: 1, maxMessageSize: 1, metadata: { iceServers: [value, { urls: value, username: value, credential: value }] } };
  }
}

const options = (server, more) => ({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory, reconnect: false, ...more });

const deliver = (socket, frame) => {
  try {
    socket.receiveRaw(typeof frame === "string" ? frame : JSON.stringify(frame));
  } catch (error) {
    assert.fail(`${JSON.stringify(frame)?.slice(0, 200)} threw ${error.stack}`);
  }
};

const works = async (client, server) => {
  assert.equal(client.state, "connected");
  await client.publish("room", "still here");
  assert.equal(server.sent("publish").at(-1).data, "still here");
};

test("frames that are not text do not throw", async (t) => {
  const server = new FakeServer();
  const client = new SignallingClient(options(server));
  t.after(() => client.close());
  await client.connect();
  for (const data of notText) server.socket.receiveRaw(data);
  for (const event of [undefined, null, 0, "x"]) server.socket.dispatch("message", event ?? {});
  await works(client, server);
});

test("frames that are not what they should be do not throw, before and after the welcome", async (t) => {
  const server = new FakeServer();
  const early = { ...server, factory: server.factory };
  const client = new SignallingClient(options(early));
  t.after(() => client.close());
  const connecting = client.connect();
  for (const frame of [...garbage, ...wrongFrames()]) if (frame.type !== "welcome") deliver(server.socket, frame);
  await connecting;
  await client.subscribe("room");
  for (const frame of [...garbage, ...wrongFrames()]) deliver(server.socket, frame);
  await settle();
  assert.equal({}.polluted, undefined);
  await works(client, server);
});

test("welcomes that are wrong do not throw, and a right one still works", async () => {
  for (const frame of wrongFrames()) {
    if (frame.type !== "welcome") continue;
    const server = new FakeServer();
    const client = new SignallingClient(options(server, { webSocketFactory: (url) => {
      const socket = server.factory(url);
      socket.welcome = () => {
        deliver(socket, frame);
        socket.readyState = 1;
        if (client.state === "connecting") deliver(socket, { type: "welcome", peerId: "me", serverTime: 1, maxMessageSize: 65536 });
      };
      return socket;
    } }));
    await client.connect();
    assert.equal(client.state, "connected");
    await client.close();
  }
});

test("close events without a proper code or reason end the connection like any other", async () => {
  for (const event of [{}, { code: "1000" }, { code: NaN, reason: 5 }, { code: -1 }, { code: 1e9 }, { code: null, reason: {} }]) {
    const server = new FakeServer();
    const client = new SignallingClient(options(server));
    await client.connect();
    server.socket.dispatch("close", event);
    assert.equal(client.state, "closed");
  }
});

test("a socket that throws on everything rejects what was asked of it, and no more", async () => {
  const no = () => { throw new Error("no"); };
  const throwing = new SignallingClient(options({ factory: no }));
  await assert.rejects(throwing.connect(), { name: "SignallingConnectError" });
  for (const socket of [undefined, null, 5, {}, { addEventListener: no }]) {
    const client = new SignallingClient(options({ factory: () => socket }));
    await assert.rejects(client.connect(), { name: "SignallingConnectError" });
  }
  const server = new FakeServer();
  const client = new SignallingClient(options(server));
  await client.connect();
  server.socket.send = no;
  server.socket.removeEventListener = no;
  const request = client.publish("room", 1);
  server.socket.close = no;
  server.socket.drop();
  await assert.rejects(request, { name: "DisconnectedError" });
});

/** A peer in a room with one remote, `other`, and the connection to it. */
const room = async (t, more) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "other" }];
  const connections = [];
  const rtcPeerConnectionFactory = () => {
    connections.push(new FakeConnection());
    return connections.at(-1);
  };
  const peer = new MeteredPeer(options(server, { rtcPeerConnectionFactory, ...more }));
  t.after(() => peer.close());
  await peer.join("room");
  await settle();
  const direct = (data, from = "other") => deliver(server.socket, { type: "direct", from, data });
  return { server, peer, remote: peer.remotePeer("other"), connections, direct };
};

const offer = (sdp = "v=0\r\n") => ({ type: "rtc-description", description: { type: "offer", sdp } });
const answer = (sdp = "v=0\r\n") => ({ type: "rtc-description", description: { type: "answer", sdp } });
const candidate = (text, more) => ({ type: "rtc-ice", candidate: { candidate: text, sdpMid: "0", ...more } });

test("signals that are not what they should be do not throw, and a good offer is answered afterwards", async (t) => {
  const { server, direct, peer } = await room(t);
  for (const value of values) {
    for (const signal of [
      { type: "rtc-description", description: value }, { type: "rtc-description", description: { type: value, sdp: "v=0" } },
      { type: "rtc-description", description: { type: "offer", sdp: value } }, { type: "rtc-ice", candidate: value },
      { type: "rtc-ice", candidate: { candidate: value } }, candidate("candidate:1", { sdpMid: value, sdpMLineIndex: value, usernameFragment: value }),
      { __meteredTrackMeta: value }, { __meteredTrackMeta: { trackId: value, metadata: value, streamId: value, kind: value } }, value,
    ]) direct(signal);
    await settle();
  }
  assert.equal(peer.state, "joined");
  const before = server.signals("rtc-description").length;
  direct(offer());
  await settle();
  await settle();
  assert.equal(server.signals("rtc-description").length, before + 1);
});

test("descriptions with junk are negotiation errors of that remote, and the next good one works", async (t) => {
  const { server, direct, remote } = await room(t);
  const errors = record(remote, "negotiation-error");
  for (const sdp of ["junk", "a=fingerprint:", "a=fingerprint:sha-256 ", "\u0000", "💥".repeat(1000)]) {
    direct(offer(sdp));
    direct(answer(sdp));
    await settle();
  }
  await settle();
  assert.ok(errors.payloads.length >= 5 && errors.payloads.every(({ err }) => err instanceof Error));
  direct(offer());
  await settle();
  await settle();
  assert.equal(server.signals("rtc-description").at(-1).description.type, "answer");
});

test("a flood of candidates is capped, with and without a description", async (t) => {
  const { connections, direct, remote } = await room(t);
  const errors = record(remote, "ice-candidate-error");
  for (let i = 0; i < 3_000; i += 1) direct(candidate(`candidate:${i}`));
  direct(offer());
  await settle();
  for (let i = 0; i < 3_000; i += 1) direct(candidate(`candidate:${i} refused`));
  await settle();
  assert.ok(connections[0].candidates.length <= 200, `${connections[0].candidates.length} candidates were taken`);
  assert.ok(errors.payloads.length <= 200);
});

test("a candidate of more than 1000 characters is not taken", async (t) => {
  const { connections, direct } = await room(t);
  direct(offer());
  await settle();
  direct(candidate("x".repeat(1001)));
  direct(candidate("x".repeat(1000)));
  await settle();
  assert.deepEqual(connections[0].candidates.map(({ candidate }) => candidate.length), [1000]);
});

test("of a frame handlers see what was read and nothing else", async (t) => {
  const server = new FakeServer();
  const client = new SignallingClient(options(server));
  t.after(() => client.close());
  await client.connect();
  const [presence, message, direct] = ["presence", "message", "direct"].map((name) => record(client, name));
  const bad = ["", "two\nlines", "\n", "\u0007", "é", "p".repeat(129), 5, null];
  const junk = [...bad.map((peerId) => ({ peerId, metadata: { bad: true } })), null, "x", [], {}];
  const [a, b] = [{ peerId: "a", metadata: { name: "A" } }, { peerId: "b" }];
  const joined = [...junk, { ...a, more: 1 }, ...junk, { ...b, metadata: [] }, ...junk];
  deliver(server.socket, { type: "presence", channel: "room", joined, left: junk, more: 1 });
  deliver(server.socket, { type: "presence", channel: "room", joined: { 0: a, length: 1 } });
  deliver(server.socket, { type: "message", channel: "room", from: "a", fromMetadata: [], data: 1, more: 1 });
  deliver(server.socket, { type: "message", channel: "room", from: "a", fromMetadata: { name: "A" }, data: null });
  deliver(server.socket, { type: "direct", channel: "room", from: "a", data: 2 });
  deliver(server.socket, { type: "direct", from: "a\nb", data: 3 });
  assert.deepEqual(presence.payloads, [{ channel: "room", joined: [a, b], left: [] }, { channel: "room", joined: [], left: [] }]);
  assert.deepEqual(message.payloads, [{ channel: "room", from: "a", data: 1 }, { channel: "room", from: "a", fromMetadata: { name: "A" }, data: null }]);
  assert.deepEqual(direct.payloads, [{ from: "a", data: 2 }]);
});

test("signals of peers who are not there, and of ourselves, are bounded and forgotten", async (t) => {
  const { server, direct, connections, peer } = await room(t);
  for (let i = 0; i < 5_000; i += 1) direct(offer("v=0\r\n".padEnd(4_000)), `stranger-${i}`);
  direct(offer(), "me");
  deliver(server.socket, { type: "presence", channel: "room", joined: [{ peerId: "stranger-4999" }], left: [{ peerId: "nobody" }, { peerId: "me" }] });
  await settle();
  assert.deepEqual(peer.remotePeers.map(({ id }) => id), ["other", "stranger-4999"]);
  assert.equal(connections.length, 2);
});

test("a roster of thousands is cut at 256 peers", async (t) => {
  const { server, peer, connections } = await room(t);
  const joined = Array.from({ length: 3_000 }, (_, i) => ({ peerId: `peer-${i}` }));
  deliver(server.socket, { type: "presence", channel: "room", joined, left: [] });
  assert.equal(peer.remotePeers.length, 256);
  assert.equal(connections.length, 256);
  deliver(server.socket, { type: "presence", channel: "room", joined: [], left: joined });
  assert.deepEqual(peer.remotePeers.map(({ id }) => id), ["other"]);
});

test("someone who joins and leaves a thousand times leaves nothing behind", async (t) => {
  const { server, peer, connections } = await room(t);
  for (let i = 0; i < 1_000; i += 1) {
    deliver(server.socket, { type: "presence", channel: "room", joined: [{ peerId: "flapping" }], left: [] });
    deliver(server.socket, { type: "presence", channel: "room", joined: [], left: [{ peerId: "flapping" }] });
  }
  assert.deepEqual(peer.remotePeers.map(({ id }) => id), ["other"]);
  assert.ok(connections.slice(1).every((pc) => pc.connectionState === "closed" && pc.added === pc.removed));
});

test("a connection that throws on everything is an event, not the end of the room", async (t) => {
  const no = () => { throw new Error("no"); };
  const broken = [() => no(), () => undefined, () => null, () => ({}), () => ({ addEventListener: no }),
    () => Object.assign(new FakeConnection(), { createOffer: no, setRemoteDescription: no, addIceCandidate: no, close: no, removeEventListener: no }),
    () => Object.assign(new FakeConnection(), { createAnswer: async () => undefined }),
    () => Object.assign(new FakeConnection(), { setRemoteDescription: () => Promise.reject(undefined) }),
    () => Object.assign(new FakeConnection(), { setRemoteDescription: () => 5, addIceCandidate: () => undefined })];
  for (const rtcPeerConnectionFactory of broken) {
    const { server, peer, direct } = await room(t, { rtcPeerConnectionFactory });
    direct(offer());
    direct(candidate("candidate:1"));
    direct(answer());
    await settle();
    const data = once(peer, "data");
    direct("hello");
    assert.equal((await data).data, "hello");
    await peer.send("works");
    assert.equal(server.sent("publish").length, 1);
    await peer.close();
  }
});

test("events of a connection with anything in them do not throw", async (t) => {
  const { connections: [pc], peer } = await room(t);
  for (const value of values) {
    pc.dispatch("icecandidate", { candidate: value });
    pc.dispatch("datachannel", { channel: value });
    pc.connectionState = value;
    pc.dispatch("connectionstatechange", {});
    pc.dispatch("negotiationneeded", value ?? {});
  }
  await settle();
  assert.equal(peer.state, "joined");
});

test("what a platform quotes of a description in its errors is without its credentials", async (t) => {
  const { connections, direct, remote } = await room(t);
  const errors = record(remote, "negotiation-error");
  connections[0].setRemoteDescription = async ({ sdp }) => {
    throw Object.assign(new Error(`Failed to parse SessionDescription. ${sdp} Invalid line`), { name: "OperationError" });
  };
  direct(offer("v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret-of-ice\r\n"));
  await errors.reach(1);
  const [{ err }] = errors.payloads;
  assert.equal(err.name, "OperationError");
  assert.match(err.message, /ice-ufrag:\*\*\*\s+a=ice-pwd:\*\*\*/);
  assert.ok(!`${err.message}${err.stack}${JSON.stringify(err)}`.includes("secret-of-ice"));
});
