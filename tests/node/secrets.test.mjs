// Credentials are shown to nobody: they are planted, all that can go wrong does, and what errors, logs and objects say of
// it is searched.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { MeteredPeer, SignallingClient } from "metered-realtime";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";
import { record, settle } from "../support/wait.mjs";

const PLANTED = "planted";
const KEY = "pk_live_planted-key";
const TOKEN = "planted-token";
const RESUME = "planted-resume";
const TURN = "planted-turn";
const TRACKS = "planted-tracks";
const ICE = "planted-ice";

/** Everything that somebody may print of a value. */
const shown = (value) => {
  const json = () => {
    try {
      return JSON.stringify(value);
    } catch {
      return "";
    }
  };
  return [String(value), json(), value?.message, value?.stack, inspect(value, { depth: 8, showHidden: true, getters: true })].join("\n");
};

const search = (what, value) => {
  const text = typeof value === "string" ? value : shown(value);
  const at = text.toLowerCase().indexOf(PLANTED);
  assert.equal(at, -1, `${what} shows ${text.slice(Math.max(0, at - 80), at + 60)}`);
};

/** What a call throws or rejects with. */
const failure = async (act) => {
  try {
    await act();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was refused");
};

/** A logger that keeps all that it is told. */
const keeping = () => {
  const lines = [];
  const level = (name) => (...args) => lines.push([name, ...args].map((arg) => (typeof arg === "string" ? arg : shown(arg))).join(" "));
  return { lines, debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
};

const world = (options) => {
  const server = new FakeServer();
  server.welcome = {
    resume: { token: RESUME, graceMs: 15_000 },
    metadata: { iceServers: [{ urls: "turn:turn.example", username: "u", credential: TURN }] },
  };
  const logger = keeping();
  const common = { apiKey: KEY, url: "ws://localhost", webSocketFactory: server.factory, logger };
  return { server, logger, options: { ...common, ...options } };
};

test("options that are refused are not quoted", async () => {
  const { options } = world();
  for (const wrong of [
    { tokenProvider: async () => TOKEN }, { apiKey: [KEY] }, { apiKey: undefined, tokenProvider: TOKEN }, { url: `wss://u:${KEY}@a` },
    { url: `wss://a/?key=${KEY}` }, { url: `https://${PLANTED}` }, { logger: KEY }, { reconnect: KEY }, { inactivityTimeoutMs: KEY },
    { tokenProviderTimeoutMs: KEY }, { webSocketFactory: KEY }, { reconnect: { maxAttempts: KEY } },
  ]) {
    search(inspect(Object.keys(wrong)), await failure(() => new SignallingClient({ ...options, ...wrong })));
    search(inspect(Object.keys(wrong)), await failure(() => new MeteredPeer({ ...options, ...wrong })));
  }
});

test("neither a client nor what happens to it shows its key, its token or its session", async (t) => {
  for (const credential of [{}, { apiKey: undefined, tokenProvider: async () => TOKEN }]) {
    const { server, logger, options } = world({ ...credential, reconnect: { initialDelayMs: 1, maxDelayMs: 1, jitterRatio: 0 } });
    const client = new SignallingClient(options);
    t.after(() => client.close());
    const records = ["disconnected", "reconnecting", "state-change", "error", "going-away"].map((name) => record(client, name));
    search("a new client", client);
    await client.connect();
    search("a connected client", client);
    server.onFrame = ({ type, requestId }, socket) => {
      if (type === "publish") socket.receive({ type: "error", code: "backend_error", requestId });
      return type === "publish";
    };
    search("a refused request", await failure(() => client.publish("room", 1)));
    search("a name that is none", await failure(() => client.subscribe("")));
    search("a payload that is too long", await failure(() => client.publish("room", "x".repeat(70_000))));
    const waiting = client.send("bob", 1);
    server.socket.drop();
    search("a lost request", await failure(() => waiting));
    server.socket.receive("{not json");
    await record(client, "connected").reach(1);
    assert.match(server.socket.url, /planted-resume/, "the session is asked for");
    search("a client that has come back", client);
    server.socket.drop(4001, "no");
    await settle();
    search("a call that comes too late", await failure(() => client.publish("room", 1)));
    for (const events of records) search("an event", events.payloads);
    assert.ok(logger.lines.length > 0, "something is logged");
    search("the log", logger.lines.join("\n"));
  }
});

test("no error of connecting quotes the address", async () => {
  const quoting = (url) => {
    throw new SyntaxError(`Failed to construct 'WebSocket': The URL '${url}' is invalid.`);
  };
  for (const options of [
    world({ webSocketFactory: quoting }).options,
    world({ apiKey: undefined, tokenProvider: async () => TOKEN, webSocketFactory: quoting }).options,
    world({ apiKey: undefined, tokenProvider: async () => [TOKEN] }).options,
    world({
      apiKey: undefined,
      tokenProvider: async () => {
        throw new Error(`GET https://backend.example/?token=${TOKEN} failed`);
      },
    }).options,
  ]) {
    const client = new SignallingClient(options);
    const errors = record(client, "error");
    search("a refused connect()", await failure(() => client.connect()));
    search("a client that is not connected", client);
    search("its errors", errors.payloads);
    search("its log", options.logger.lines.join("\n"));
    await client.close();
  }
  const { server, options } = world();
  server.isDown = true;
  search("a server that is down", await failure(() => new SignallingClient(options).connect()));
});

test("neither a room nor a remote shows TURN credentials, ICE passwords or the key of data tracks", async (t) => {
  const connections = [];
  const { server, logger, options } = world({
    rtcPeerConnectionFactory: (config) => {
      assert.equal(config.iceServers[0].credential, TURN);
      connections.push(new FakeConnection());
      return connections.at(-1);
    },
  });
  server.roster = [{ peerId: "bob" }];
  const peer = new MeteredPeer(options);
  t.after(() => peer.close());
  await peer.join("room");
  await settle();
  const [remote] = peer.remotePeers;
  const events = ["negotiation-error", "ice-candidate-error", "connection-reset"].map((name) => record(remote, name));

  const sdp = `v=0\r\na=ice-ufrag:${ICE}\r\na=ice-pwd:${ICE}\r\n`;
  connections[0].setRemoteDescription = async (description) => {
    throw new Error(`Failed to parse SessionDescription. ${description.sdp} Invalid line`);
  };
  server.socket.receive({ type: "direct", from: "bob", data: { type: "rtc-description", description: { type: "offer", sdp } } });
  server.socket.receive({ type: "direct", from: "bob", data: { type: "rtc-description", description: { type: PLANTED, sdp } } });
  await events[0].reach(1);

  search("a key that is none", await failure(() => peer.setDataTrackKey({ TRACKS })));
  search("a number of a key that is none", await failure(() => peer.setDataTrackKey(TRACKS, { keyId: TRACKS })));
  await peer.setDataTrackKey(TRACKS);
  const track = peer.publishDataTrack({ name: "telemetry", usesE2ee: true });
  search("a frame that is none", await failure(() => track.tryPush({ payload: TRACKS })));
  search("a name that is taken", await failure(() => peer.publishDataTrack({ name: "telemetry", usesE2ee: true })));

  for (const object of [peer, remote, track, peer.localDataTracks, peer.remotePeers]) search("an object", object);
  for (const { payloads } of events) search("an event", payloads);
  search("the log", logger.lines.join("\n"));
});

test("a factory that quotes its ICE servers is not quoted", async (t) => {
  const { logger, options } = world({
    rtcPeerConnectionFactory: (config) => {
      throw new Error(`cannot use ${JSON.stringify(config)}`);
    },
  });
  const server = new FakeServer();
  server.roster = [{ peerId: "bob" }];
  server.welcome = { metadata: { iceServers: [{ urls: "turn:turn.example", username: "u", credential: TURN }] } };
  const peer = new MeteredPeer({ ...options, webSocketFactory: server.factory });
  t.after(() => peer.close());
  const errors = record(peer, "error");
  const joined = await peer.join("room").then(() => undefined, (error) => error);
  await settle();
  for (const said of [joined, errors.payloads, peer, logger.lines.join("\n")]) search("a broken factory", said);
});
