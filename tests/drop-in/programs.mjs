// Programs for the official SDK. Each gets the SDK as `sdk` and says what it sees with `seen`.
//
// The rest of what a program gets is made in programs.test.mjs: `client(options)` and `peer(options)` construct from
// `sdk`, `as(name, claims)` are options that log in under a name, `channel` is a channel of its own.

import { FakeChannel, FakeServer } from "../support/fakes.mjs";
import { once, record, settle, until } from "../support/wait.mjs";

/** What an error is to a program that branches on it. */
const kind = (error) => [error instanceof Error, error.name];

/** What became of a promise. */
const outcome = (promise) => promise.then((value) => ["resolved", value ?? null], (error) => ["rejected", ...kind(error)]);

const thrown = (act) => {
  try {
    act();
    return "nothing";
  } catch (error) {
    return error.constructor.name;
  }
};

/** The states that something goes through from now on. */
const states = (target) => {
  const list = [];
  target.on("state-change", ({ from, to }) => list.push(`${from} > ${to}`));
  return list;
};

/** The named fields of an event, so that others may be there as well. */
const fields = (object, ...names) => Object.fromEntries(names.filter((name) => name in object).map((name) => [name, object[name]]));

const connected = async (ctx, name, claims, options) => {
  const client = ctx.client({ ...ctx.as(name, claims), ...options });
  await client.connect();
  return client;
};

/** A client whose server is a stand-in, to do what a real one does not do at will. */
const scripted = async ({ client }, options) => {
  const server = new FakeServer();
  const c = client({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory, ...options });
  await c.connect();
  return { c, server };
};

const QUICK = { initialDelayMs: 20, multiplier: 1, maxDelayMs: 20, jitterRatio: 0 };

export const signalling = {
  "a client connects, subscribes, publishes and hears what others publish": async (ctx) => {
    const { channel, seen } = ctx;
    const a = ctx.client(ctx.as("a", { metadata: { iceServers: [{ urls: "stun:stun.example.com" }] } }));
    seen(states(a), a.state);
    const welcome = once(a, "connected");
    seen("connect", (await a.connect()) ?? null, a.state);
    const { peerId, serverTime, expiresAt, isReconnect, maxMessageSize, iceServers } = await welcome;
    seen(peerId, Number.isInteger(serverTime), expiresAt > serverTime, isReconnect, maxMessageSize, iceServers);

    const b = await connected(ctx, "b", { peerMetadata: { name: "B" } });
    const [atA, atB] = [record(a, "message"), record(b, "message")];
    seen("subscribe", await a.subscribe(channel, { includeSenderMetadata: true }) ?? null);
    await b.subscribe(channel);
    for (const data of [null, 0, "🌱", [1, [2]], { deep: { a: 1 } }]) {
      seen(await b.publish(channel, data) ?? null);
      await a.publish(channel, data, {});
    }
    await Promise.all([atA.reach(5), atB.reach(5)]);
    const plain = (message) => fields(message, "channel", "from", "fromMetadata", "data");
    seen(atA.payloads.map(plain), atB.payloads.map(plain));
  },

  "a publishable key has a peer id and no expiry": async (ctx) => {
    const client = ctx.client();
    const welcome = once(client, "connected");
    await client.connect();
    const { peerId, expiresAt, iceServers } = await welcome;
    ctx.seen(typeof peerId, expiresAt, iceServers ?? null);
  },

  "the first presence lists everybody, the next ones what changes": async (ctx) => {
    const { channel, seen } = ctx;
    const a = await connected(ctx, "a", { peerMetadata: { name: "A" } });
    const presence = record(a, "presence");
    await a.subscribe(channel);
    await presence.reach(1);
    const b = await connected(ctx, "b", { peerMetadata: { name: "B" } });
    const atB = record(b, "presence");
    await b.subscribe(channel);
    await presence.reach(2);
    await atB.reach(1);
    await b.unsubscribe(channel);
    await presence.reach(3);
    await b.subscribe(channel);
    await presence.reach(4);
    await b.close();
    await presence.reach(5);
    const plain = ({ channel: where, joined, left }) => [where, joined.map((peer) => fields(peer, "peerId", "metadata")), left.map(({ peerId }) => peerId)];
    seen(presence.payloads.map(plain), atB.payloads.slice(0, 1).map(plain));
  },

  "a direct message goes to one client, with its sender's metadata": async (ctx) => {
    const [a, b] = [await connected(ctx, "a", { peerMetadata: { name: "A" } }), await connected(ctx, "b")];
    const [atA, atB] = [record(a, "direct"), record(b, "direct")];
    for (const data of ["x", { y: [null] }]) await a.send(ctx.id("b"), data, {});
    await b.send(ctx.id("a"), 1);
    await Promise.all([atA.reach(1), atB.reach(2)]);
    ctx.seen(atA.payloads.map((m) => fields(m, "from", "data")), atB.payloads.map((m) => fields(m, "from", "fromMetadata", "data")));
  },

  "a refusal of the server has the server's code as its name": async (ctx) => {
    const limited = await connected(ctx, "limited", { channels: ["mine-*"], permissions: ["subscribe", "send"] });
    ctx.seen(await outcome(limited.subscribe("yours")));
    ctx.seen(await outcome(limited.send("nobody", 1)));
    await limited.subscribe("mine-1");
    ctx.seen(await outcome(limited.publish("mine-1", 1)));
    const free = await connected(ctx, "free");
    for (const prefix of ["_metered/", "_internal/", "_system/"]) ctx.seen(await outcome(free.subscribe(`${prefix}x`)));
    ctx.seen(limited.state, free.state);
  },

  "a request of a client that is not connected is refused as such": async ({ client, channel, seen }) => {
    const idle = client();
    const requests = () => [idle.subscribe(channel), idle.unsubscribe(channel), idle.publish(channel, 1), idle.send("x", 1)];
    for (const request of requests()) seen(await outcome(request));
    await idle.connect();
    await idle.close();
    for (const request of requests()) seen(await outcome(request));
  },

  "a request whose answer is lost is refused as such": async (ctx) => {
    const { c, server } = await scripted(ctx, { reconnect: false });
    server.onFrame = () => true;
    const requests = [c.subscribe("a"), c.publish("a", 1), c.send("b", 1)];
    await settle();
    server.socket.drop();
    for (const request of requests) ctx.seen(await outcome(request));
  },

  "close() refuses what still waits for an answer": async (ctx) => {
    const { c, server } = await scripted(ctx);
    server.onFrame = () => true;
    const request = outcome(c.publish("a", 1));
    await settle();
    ctx.seen(await c.close() ?? null, await request, c.state);
  },

  "a payload over the server's limit is refused and the connection stays": async (ctx) => {
    const { sdk, channel, seen } = ctx;
    const a = await connected(ctx, "a");
    await a.subscribe(channel);
    for (const request of [a.publish(channel, "x".repeat(70_000)), a.send(ctx.id("a"), "ß".repeat(40_000))]) {
      const error = await request.then(() => seen("sent"), (reason) => reason);
      seen(kind(error), error instanceof sdk.OversizedPayloadError, error instanceof sdk.MeteredPeerOversizedError, error.size > error.cap, error.cap);
    }
    seen(await outcome(a.publish(channel, "small")), a.state);
  },

  "a payload that JSON cannot carry, or a bad name, is refused": async (ctx) => {
    const a = await connected(ctx, "a");
    const ring = {};
    ring.self = ring;
    const refused = [
      a.publish("a"), a.publish("a", 1n), a.publish("a", ring), a.send("b"),
      a.publish("", 1), a.subscribe("a\u0000b"), a.subscribe("x".repeat(300)), a.send("", 1), a.send("x".repeat(200), 1),
    ];
    for (const request of refused) ctx.seen(await outcome(request));
    ctx.seen(a.state);
  },

  "an unsubscribed channel is silent": async (ctx) => {
    const { channel, seen } = ctx;
    const [a, b] = [await connected(ctx, "a"), await connected(ctx, "b")];
    const { payloads, reach } = record(a, "message");
    await a.subscribe(channel);
    await a.subscribe(`${channel}-other`);
    await b.publish(channel, "heard");
    await reach(1);
    seen(await a.unsubscribe(channel) ?? null);
    await b.publish(channel, "not heard");
    await b.publish(`${channel}-other`, "heard, too");
    await reach(2);
    seen(payloads.map(({ data }) => data), await outcome(a.unsubscribe("never-subscribed")));
  },

  "handlers run in order, once, until they are removed, whatever one of them does": async (ctx) => {
    const { seen } = ctx;
    const { c, server } = await scripted(ctx);
    const say = (data) => server.socket.receive({ type: "direct", from: "somebody", data });
    const log = [];
    const first = ({ data }) => log.push(`first ${data}`);
    const single = ({ data }) => log.push(`once ${data}`);
    const chained = c.on("direct", first).on("direct", () => { throw new Error("isolated"); }).once("direct", single)
      .on("direct", ({ data }) => log.push(`last ${data}`));
    seen(chained === c);
    say(1);
    say(2);
    c.once("direct", single).off("direct", single).off("direct", first).off("direct", first).off("message", first);
    say(3);
    c.on("direct", first).on("direct", first).off("direct", first);
    say(4);
    seen(log);
  },

  "a handler that is removed by another during an event still hears that one": async (ctx) => {
    const { c, server } = await scripted(ctx);
    const log = [];
    const second = ({ data }) => log.push(`second ${data}`);
    c.on("direct", ({ data }) => { log.push(`first ${data}`); c.off("direct", second); });
    c.on("direct", second);
    for (const data of [1, 2]) server.socket.receive({ type: "direct", from: "x", data });
    ctx.seen(log);
  },

  "a wrong key rejects connect() with the close code": async (ctx) => {
    const { sdk, seen } = ctx;
    const client = ctx.client({ apiKey: "pk_live_nobody" });
    const changes = states(client);
    const error = await client.connect().then(() => seen("connected"), (reason) => reason);
    seen(kind(error), error instanceof sdk.SignallingConnectError, error.closeCode, error.closeCode === sdk.WsCloseCode.InvalidToken);
    seen(typeof error.closeReason, /nobody/.test(error.message), client.state, changes);
    seen(await outcome(client.connect()));
  },

  "a server that is not there rejects connect(), without a retry": async (ctx) => {
    const client = ctx.client({ url: "ws://127.0.0.1:1" });
    const changes = states(client);
    const error = await client.connect().catch((reason) => reason);
    ctx.seen(kind(error), error.closeCode, client.state, changes);
  },

  "connect() is refused in every state but idle and closed": async (ctx) => {
    const client = ctx.client();
    const first = client.connect();
    const isRefused = (promise) => promise.then(() => false, (error) => error instanceof Error);
    ctx.seen(await isRefused(client.connect()), client.state);
    await first;
    ctx.seen(await isRefused(client.connect()), client.state);
    await client.close();
    ctx.seen(await outcome(client.connect()), client.state);
  },

  "close() says so once, with the code and the reason, and can be repeated": async (ctx) => {
    const { seen } = ctx;
    const a = await connected(ctx, "a");
    const changes = states(a);
    const { payloads } = record(a, "disconnected");
    await a.close(4321, "enough");
    await a.close();
    seen(changes, payloads.map((event) => fields(event, "code", "reason", "willReconnect")), a.state);
    await a.connect();
    await a.close();
    seen(changes, payloads.map(({ code, willReconnect }) => [code, willReconnect]));
    const never = ctx.client();
    seen(states(never), await never.close() ?? null, never.state);
  },

  "a client comes back after a restart of the server, and hears its channels again": async (ctx) => {
    const { channel, seen } = ctx;
    const server = await ctx.server();
    const at = { url: server.url, reconnect: QUICK };
    const [a, b] = [await connected(ctx, "a", {}, at), await connected(ctx, "b", {}, at)];
    const changes = states(a);
    await a.subscribe(channel);
    await a.subscribe(`${channel}-given-up`);
    await a.unsubscribe(`${channel}-given-up`);
    const dropped = once(a, "disconnected");
    const back = [a, b].map((client) => once(client, "connected"));
    const renewed = once(a, "presence");
    await server.kill();
    const { code, willReconnect } = await dropped;
    seen(code, willReconnect, a.state, await outcome(a.publish(channel, 1)));
    await server.start();
    const [{ isReconnect, peerId }] = await Promise.all(back);
    seen(isReconnect, peerId, (await renewed).channel);
    const heard = once(a, "message");
    await b.publish(`${channel}-given-up`, "not heard");
    await b.publish(channel, "still there");
    seen((await heard).data, [...new Set(changes)]);
  },

  "without autoResubscribe the channels are gone after a drop": async (ctx) => {
    const { c, server } = await scripted(ctx, { autoResubscribe: false, reconnect: QUICK });
    await c.subscribe("a");
    const back = once(c, "connected");
    server.socket.drop();
    await back;
    await settle();
    ctx.seen(server.sockets.length, server.sent("subscribe").length);
  },

  "what a server says besides is an event": async (ctx) => {
    const { seen } = ctx;
    const { c, server } = await scripted(ctx);
    const events = ["server-error", "going-away"].map((name) => record(c, name));
    server.socket.receive({ type: "error", code: "over_message_quota", message: "slow down" });
    server.socket.receive({ type: "error", code: "moon_phase" });
    server.socket.receive({ type: "error", code: "peer_not_found", requestId: "nobody-waits-for-it" });
    server.socket.receive({ type: "going_away", retryAfterMs: 1234 });
    server.socket.receive("not json");
    server.socket.receive({ type: "of a later version" });
    seen(events[0].payloads.map((event) => fields(event, "code", "message", "requestId")), events[1].payloads, c.state);
    const lost = once(c, "disconnected");
    server.socket.drop(4012, "suspended");
    seen(await lost, c.state);
  },

  "each code of a close leads to a retry or to the end": async (ctx) => {
    for (const code of [1000, 1001, 1006, 1008, 1009, 1011, 4000, 4001, 4002, 4003, 4010, 4011, 4012, 4020, 4999]) {
      const { c, server } = await scripted(ctx);
      const lost = once(c, "disconnected");
      server.socket.drop(code, "why");
      ctx.seen(await lost, c.state);
      await c.close();
    }
  },

  "attempts are used up": async (ctx) => {
    const { c, server } = await scripted(ctx, { reconnect: { ...QUICK, maxAttempts: 2 } });
    const lost = record(c, "disconnected");
    const changes = states(c);
    const closed = once(c, "state-change", { filter: ({ to }) => to === "closed" });
    server.isDown = true;
    server.socket.drop();
    await closed;
    ctx.seen(lost.payloads.map(({ code, willReconnect }) => [code, willReconnect]), changes, server.sockets.length);
  },

  "a token provider is asked for each connect, and its failure is the caller's to see": async (ctx) => {
    const { seen } = ctx;
    let asked = 0;
    const tokenProvider = async () => {
      asked += 1;
      if (asked === 1) throw new RangeError("no token today");
      return asked === 2 ? "" : ctx.mintToken({ sub: ctx.id("a") });
    };
    const client = ctx.client({ apiKey: undefined, tokenProvider });
    const error = await client.connect().catch((reason) => reason);
    seen(kind(error), error.message, client.state);
    seen((await client.connect().catch((reason) => reason)) instanceof Error, client.state);
    seen(await outcome(client.connect()), asked, client.state);
  },

  "a token provider that hangs is given up": async (ctx) => {
    const client = ctx.client({ apiKey: undefined, tokenProvider: () => new Promise(() => {}), tokenProviderTimeoutMs: 30 });
    ctx.seen((await client.connect().catch((reason) => reason)) instanceof Error, client.state);
  },

  "a token provider that keeps failing is an event, and the client keeps trying": async (ctx) => {
    let broken = false;
    const tokenProvider = async () => {
      if (broken) throw new Error("logged out");
      return "token";
    };
    const { c, server } = await scripted(ctx, { apiKey: undefined, tokenProvider, reconnect: QUICK });
    broken = true;
    const told = once(c, "token-provider-error");
    server.socket.drop();
    const { consecutiveFailures, err } = await told;
    ctx.seen(consecutiveFailures, err.message, c.state);
    broken = false;
    ctx.seen((await once(c, "connected")).isReconnect);
  },

  "bad options are TypeErrors of the constructor": async ({ sdk, seen }) => {
    const good = { apiKey: "k", webSocketFactory: () => {} };
    const bad = [
      {}, { apiKey: "k", tokenProvider: async () => "t" }, { ...good, apiKey: "" },
      ...["http://localhost", "ws://example.com", "wss://example.com/path", "wss://example.com?x=1", "wss://example.com#x", "nonsense", "wss://"]
        .map((url) => ({ ...good, url })),
      ...[0, -1, NaN, Infinity].map((tokenProviderTimeoutMs) => ({ ...good, tokenProviderTimeoutMs })),
      ...[{ initialDelayMs: -1 }, { initialDelayMs: NaN }, { multiplier: 0.5 }, { maxDelayMs: -1 }, { jitterRatio: 2 }, { jitterRatio: -1 }, { maxAttempts: NaN }]
        .map((reconnect) => ({ ...good, reconnect })),
      { ...good, inactivityTimeoutMs: NaN },
    ];
    for (const options of bad) seen(thrown(() => new sdk.SignallingClient(options)));
    const fine = [
      good, { ...good, url: "ws://localhost:1" }, { ...good, url: "ws://127.0.0.1" }, { ...good, url: "ws://[::1]:80" }, { ...good, url: "wss://example.com/" },
      { ...good, reconnect: false }, { ...good, reconnect: { maxAttempts: Infinity } }, { ...good, reconnect: {} },
      { ...good, inactivityTimeoutMs: 0 }, { ...good, inactivityTimeoutMs: -1 }, { ...good, inactivityTimeoutMs: Infinity }, { ...good, logger: console },
      { ...good, autoResubscribe: false },
    ];
    for (const options of fine) seen(thrown(() => new sdk.SignallingClient(options)));
    seen(thrown(() => new sdk.MeteredPeer({ ...good, autoResubscribe: false, rtcPeerConnectionFactory: () => {} })));
  },

  "nothing shows a credential": async (ctx) => {
    const { sdk, seen } = ctx;
    const lines = [];
    const log = (...args) => lines.push(JSON.stringify(args));
    const logger = { debug: log, info: log, warn: log, error: log };
    const secret = "pk_live_a_secret_key";
    const client = ctx.client({ apiKey: secret, logger });
    const error = await client.connect().catch((reason) => reason);
    const peer = new sdk.MeteredPeer({ apiKey: secret, url: ctx.options.url, rtcPeerConnectionFactory: () => {}, webSocketFactory: () => {} });
    seen(lines.some((line) => line.includes(secret)), `${error.stack}${JSON.stringify(error)}`.includes(secret));
    for (const object of [client, peer]) seen(JSON.stringify(object).includes(secret));
  },

  "loggers and codes are there": async ({ sdk, seen }) => {
    const levels = ["debug", "info", "warn", "error"];
    seen(levels.map((level) => sdk.NoopLogger[level]("x", {}) ?? null), levels.map((level) => typeof sdk.ConsoleLogger[level]));
    seen({ ...sdk.WsCloseCode });
  },

  "errors can be made by hand": async ({ sdk, seen }) => {
    const made = [
      new sdk.SignallingConnectError(4001, "why"), new sdk.OversizedPayloadError(2, 1), new sdk.MeteredPeerOversizedError(2, 1),
      new sdk.MeteredPeerSendError("not_joined", "text"), new sdk.MeteredPeerStateError("invalid_state", "join", "text", "joined"),
      new sdk.DataChannelOverflowError(2, 1),
    ];
    for (const error of made) seen(kind(error), fields(error, "closeCode", "closeReason", "size", "cap", "method", "currentState", "queued"));
    seen(made.slice(3, 5).map(({ code, message }) => [code, message]));
  },
};

/** Two peers in a channel, and how each sees the other. */
const met = async (ctx, options) => {
  const [a, b] = [ctx.peer({ ...ctx.as("a", { peerMetadata: { name: "A" } }), ...options }), ctx.peer({ ...ctx.as("b", { peerMetadata: { name: "B" } }), ...options })];
  await a.join(ctx.channel);
  const [atA, atB] = [once(a, "peer-joined"), once(b, "peer-joined")];
  await b.join(ctx.channel);
  return { a, b, toB: (await atA).peer, toA: (await atB).peer };
};

/** A fake channel, wrapped. */
const channel = ({ sdk }, options) => {
  const native = new FakeChannel("chat");
  const dc = new sdk.DataChannel(native, options);
  const log = [];
  for (const name of ["open", "close", "error", "message"]) dc.on(name, (payload) => log.push([name, payload?.data ?? payload?.err?.message ?? null]));
  return { native, dc, log };
};

export const rooms = {
  "a peer joins, meets, talks, and leaves": async (ctx) => {
    const { sdk, seen } = ctx;
    const a = ctx.peer(ctx.as("a", { peerMetadata: { name: "A" } }));
    const b = ctx.peer(ctx.as("b", { peerMetadata: { name: "B" } }));
    const [changesA, changesB] = [states(a), states(b)];
    seen(a.state, a.peerId, a.channel, a.remotePeers, a.toJSON());
    const joined = once(a, "joined");
    seen(await a.join(ctx.channel) ?? null, await joined, a.state, a.peerId, a.channel, a.toJSON());
    const [metByA, metByB] = [once(a, "peer-joined"), once(b, "peer-joined")];
    await b.join(ctx.channel, { includeSenderMetadata: true });
    const [{ peer: toB }, { peer: toA }] = await Promise.all([metByA, metByB]);
    seen(toB.id, toB.metadata, toB.state, toB.polite, toA.polite, toB.toJSON());
    seen(Array.isArray(a.remotePeers), a.remotePeers.length, a.remotePeers[0] === toB, toB.pc === toB.pc);

    const [atA, atB] = [record(a, "data"), record(b, "data")];
    for (const data of [null, "text", { a: [1] }]) {
      seen(await a.send(data) ?? null, await a.sendTo(toB.id, data) ?? null, await toA.send(data) ?? null);
    }
    await Promise.all([atA.reach(3), atB.reach(6)]);
    const plain = (event) => fields(event, "senderPeerId", "data", "kind");
    seen(atA.payloads.map(plain), atB.payloads.map(plain));

    const gone = once(a, "peer-left");
    const [leftB, leftA] = [once(b, "left"), once(a, "left")];
    seen(await b.close("enough") ?? null, fields(await leftB, "peerId", "channel", "reason"), b.state, b.remotePeers, toA.state);
    seen((await gone).peer === toB, toB.state, a.remotePeers, await outcome(b.close()), b.toJSON());
    await a.close();
    seen(fields(await leftA, "peerId", "channel", "reason"), changesA, changesB);
  },

  "a broadcast carries its sender's metadata for who asked for it": async (ctx) => {
    const { a, b } = await met(ctx);
    await b.close();
    const c = ctx.peer(ctx.as("c"));
    await c.join(ctx.channel, { includeSenderMetadata: true });
    const heard = once(c, "data");
    await a.send("hello");
    ctx.seen(fields(await heard, "senderPeerId", "data", "kind", "senderMetadata"));
  },

  "what a peer cannot do now, or at all, has a code": async (ctx) => {
    const { sdk, seen, channel: name } = ctx;
    const peer = ctx.peer(ctx.as("a"));
    const refusal = (promise) => promise.then(() => "done", (error) => [
      kind(error), error instanceof sdk.MeteredPeerSendError, error instanceof sdk.MeteredPeerStateError, fields(error, "code", "method", "currentState"),
    ]);
    seen(await refusal(peer.send(1)), await refusal(peer.sendTo("x", 1)), await refusal(peer.join("_system/x")), peer.state);
    const joining = peer.join(name);
    seen(await refusal(peer.join(name)));
    await joining;
    seen(await refusal(peer.join(name)), await refusal(peer.sendTo(peer.peerId, 1)));
    for (const nothing of [peer.send(), peer.sendTo("x"), peer.sendTo("", 1), peer.sendTo(5, 1)]) seen(await refusal(nothing));
    const big = await peer.send("x".repeat(70_000)).catch((error) => error);
    seen(kind(big), big instanceof sdk.MeteredPeerOversizedError, big instanceof sdk.OversizedPayloadError, big.size > big.cap, big.cap);
    seen(await outcome(peer.sendTo("nobody", 1)), peer.state);
    await peer.close();
    seen(await refusal(peer.join(name)), await refusal(peer.send(1)));
  },

  "a join that fails leaves the peer idle for another": async (ctx) => {
    const { seen } = ctx;
    const wrong = ctx.peer({ apiKey: "pk_live_nobody" });
    const changes = states(wrong);
    const error = await wrong.join(ctx.channel).catch((reason) => reason);
    seen(kind(error), error.closeCode, wrong.state, wrong.channel, changes);
    const limited = ctx.peer(ctx.as("limited", { channels: ["mine-*"] }));
    seen(await outcome(limited.join("yours")), limited.state, await outcome(limited.join("mine-1")), limited.state);
  },

  "a peer that never joined can be closed": async (ctx) => {
    const peer = ctx.peer();
    const [changes, { payloads }] = [states(peer), record(peer, "left")];
    ctx.seen(await peer.close() ?? null, peer.state, changes, payloads);
  },

  "a peer that the server throws out says why, and leaves": async (ctx) => {
    for (const [code, reason] of [[4001, "no"], [4003, "not here"], [4012, "suspended"], [4020, "out"], [1000, "bye"], [4011, "slow"]]) {
      const server = new FakeServer();
      const peer = ctx.peer({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory });
      await peer.join("a");
      const [changes, errors] = [states(peer), record(peer, "error")];
      const left = record(peer, "left");
      server.socket.drop(code, reason);
      ctx.seen(code, left.payloads.map((event) => fields(event, "peerId", "channel", "reason")), errors.payloads.map(({ err }) => kind(err)), changes);
      await peer.close();
    }
  },

  // A server that resumes sessions would keep our connections.
  "a peer whose connection to the server breaks comes back to the same remotes by new connections": async (ctx) => {
    const { seen } = ctx;
    const { url } = await ctx.server({ resumeGrace: 0 });
    const sockets = [];
    const webSocketFactory = (url) => {
      sockets.push(ctx.options.webSocketFactory(url));
      return sockets.at(-1);
    };
    const b = ctx.peer({ ...ctx.as("b"), url });
    await b.join(ctx.channel);
    const a = ctx.peer({ ...ctx.as("a"), url, webSocketFactory, reconnect: QUICK });
    const met = once(a, "peer-joined");
    await a.join(ctx.channel);
    const { peer: toB } = await met;
    const old = toB.pc;
    const [changes, reset, joined] = [states(a), once(toB, "connection-reset"), record(a, "peer-joined")];
    const back = once(a, "state-change", { filter: ({ to }) => to === "joined" });
    sockets[0].terminate();
    seen(await reset, toB.pc !== old);
    await back;
    const heard = once(b, "data");
    await a.send("still here");
    seen((await heard).data, a.remotePeers.length, a.remotePeers[0] === toB, joined.payloads.length, changes, a.peerId, a.channel === ctx.channel);
  },

  "two peers open channels to each other and echo": async (ctx) => {
    const { sdk, seen } = ctx;
    const { toA, toB } = await met(ctx);
    const arrived = once(toA, "data-channel");
    const opener = new sdk.DataChannel(toB.pc.createDataChannel("chat"));
    const opened = once(opener, "open");
    const accepted = new sdk.DataChannel((await arrived).channel);
    accepted.on("message", ({ data }) => accepted.send(data));
    await opened;
    seen(opener.label, accepted.label, opener.readyState, opener.bufferedAmount);
    const echoes = record(opener, "message");
    for (const data of ["ping", "", "grün 🌱", new Uint8Array([0, 255]).buffer, "x".repeat(100_000)]) seen(await opener.send(data) ?? null);
    await echoes.reach(5);
    seen(echoes.payloads.map(({ data }) => (typeof data === "string" ? data.length : [...new Uint8Array(data)])));
    await until(() => toB.state === "connected");
    const closed = once(opener, "close");
    accepted.close();
    await closed;
    seen(opener.readyState, await outcome(opener.send("late")).then(([result, isError]) => [result, isError]));
  },

  "a data channel tells what happens to it": async (ctx) => {
    const { native, dc, log } = channel(ctx);
    ctx.seen(dc.label, dc.readyState, dc.bufferedAmount, (await outcome(dc.send("early")))[0]);
    native.open();
    await dc.send("text");
    await dc.send(new Uint8Array([1]).buffer);
    for (const data of ["in", ""]) native.dispatch("message", { data });
    native.dispatch("error", { error: new Error("broken") });
    native.close();
    await settle();
    dc.close();
    ctx.seen(log, dc.readyState, native.sent.length, native.added - native.removed, (await outcome(dc.send("late")))[0]);
  },

  "a data channel keeps its buffer below the mark, and its queue bounded": async (ctx) => {
    const { seen, sdk } = ctx;
    const { native, dc } = channel(ctx, { maxBufferedAmount: 100, bufferedAmountLowThreshold: 40, maxQueuedSends: 2 });
    native.open();
    seen(native.bufferedAmountLowThreshold);
    native.bufferedAmount = 100;
    const log = [];
    const sends = ["a", "b"].map((data) => dc.send(data).then(() => log.push(data)));
    const error = await dc.send("c").catch((reason) => reason);
    seen(kind(error), error instanceof sdk.DataChannelOverflowError, error.queued, error.cap, native.sent);
    native.bufferedAmount = 0;
    native.dispatch("bufferedamountlow");
    await Promise.all(sends);
    seen(native.sent, log);
    native.bufferedAmount = 100;
    const stuck = outcome(dc.send("d"));
    await settle();
    dc.close();
    seen((await stuck).slice(0, 2), native.sent);
  },

  "handlers of a room and of a channel can be counted, called and removed": async (ctx) => {
    const { seen } = ctx;
    const peer = ctx.peer();
    const log = [];
    const handler = ({ err }) => log.push(err);
    seen(peer.on("error", handler).once("error", handler).listenerCount("error"), peer.emit("error", { err: 1 }), peer.emit("left", {}));
    seen(log, peer.listenerCount("error"), peer.removeAllListeners() === peer, peer.listenerCount("error"), peer.emit("error", { err: 2 }));
    const { dc } = channel(ctx);
    seen(dc.listenerCount("message"), dc.off("message", handler) === dc, dc.removeAllListeners().listenerCount("message"));
  },
};
