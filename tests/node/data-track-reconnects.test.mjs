// What streams of data tracks outlive: connections, the server, and what they do not.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { collect, publishing, streaming, subscribers, text, textOf, trackOf } from "../support/data-tracks.mjs";
import { channelName, join, pair, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { tapped } from "../support/tapped.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

const reconnect = { initialDelayMs: 30, maxDelayMs: 100 };

/** A server of this test's own, and options to connect to it whose sockets are in `sockets`. */
const ownServer = async (t, settings) => {
  const server = await startServer(0, settings);
  t.after(() => server.kill());
  const sockets = [];
  const webSocketFactory = (url) => {
    sockets.push(new WebSocket(url));
    return sockets.at(-1);
  };
  return { server, sockets, options: { url: server.url, reconnect, webSocketFactory } };
};

/** Two peers who publish and read both ways, frame after frame, until `stop()`. What ends or comes anew is in `trouble`. */
const flowing = async (t, options, otherOptions) => {
  const peers = await pair(t, options, otherOptions);
  const { a, b, toA, toB } = peers;
  const trouble = [];
  const ways = [];
  for (const [name, publisher, remote] of [["ours", a, toA], ["theirs", b, toB]]) {
    const local = publisher.publishDataTrack({ name });
    const track = await trackOf(remote, name);
    const stream = track.subscribe({ bufferSize: 1_000 });
    const collected = collect(stream);
    await subscribers(local, 1);
    for (const event of ["data-track-published", "data-track-unpublished", "data-track-error"]) remote.on(event, () => trouble.push(`${name}: ${event}`));
    collected.end.then(() => trouble.push(`${name}: ${stream.endReason}`));
    ways.push({ local, track, stream, collected });
  }
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    for (const { local } of ways) local.tryPush({ payload: text(`${sent}`) });
  }, 5);
  t.after(() => clearInterval(timer));
  /** Both ways bring what is pushed from now on. */
  const flows = async () => {
    const from = sent;
    await until(() => ways.every(({ collected: { frames } }) => Number(textOf(frames.at(-1) ?? { payload: text("0") })) > from + 3), "frames flow both ways");
  };
  /** Ends the flow: nothing was told twice or out of order. */
  const stop = () => {
    clearInterval(timer);
    for (const { collected } of ways) {
      const numbers = collected.frames.map((frame) => Number(textOf(frame)));
      assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `${numbers}`);
    }
    return trouble;
  };
  await flows();
  return { ...peers, ways, flows, stop };
};

test("streams go on over a drop of the signalling connection whose session is resumed", async (t) => {
  const { sockets, options } = await ownServer(t);
  const { a, flows, stop } = await flowing(t, options);
  const back = once(a, "state-change", { filter: ({ to }) => to === "joined" });
  sockets[0].terminate();
  await back;
  await flows();
  assert.deepEqual(stop(), []);
});

test("who comes back without its session, after the others saw it leave, reads on; for them it is somebody new", async (t) => {
  const { sockets, options } = await ownServer(t, { resumeGrace: 0 });
  const identity = { apiKey: undefined, tokenProvider: () => token({ sub: "fickle" }) };
  const { a, b, toB } = await pair(t, { ...options, ...identity }, { url: options.url });
  const [ours, theirs] = [a.publishDataTrack({ name: "ours" }), b.publishDataTrack({ name: "theirs" })];
  const lasting = (await trackOf(toB, "theirs")).subscribe();
  for (let round = 0; round < 3; round += 1) {
    const toA = await remoteOf(b, "fickle");
    const ending = (await trackOf(toA, "ours")).subscribe();
    await Promise.all([ours, theirs].map((local) => subscribers(local, 1)));
    for (const [local, stream] of [[ours, ending], [theirs, lasting]]) {
      local.tryPush({ payload: text(`round ${round}`) });
      assert.equal(textOf(await stream.read()), `round ${round}`);
    }
    const failed = assert.rejects(ending.read(), { name: "SubscribeDataTrackError", reason: "disconnected" });
    const reset = once(toB, "connection-reset");
    sockets.at(-1).terminate();
    await Promise.all([failed, reset]);
    await until(() => b.remotePeers[0] && b.remotePeers[0] !== toA);
  }
  assert.equal(lasting.endReason, undefined);
});

test("streams go on both ways over a session that is lost while nobody sees anybody leave", async (t) => {
  const { server } = await ownServer(t);
  const sockets = [];
  const webSocketFactory = (url) => {
    sockets.push(new WebSocket(url.replace(/&resume=[^&]*/, "&resume=forged")));
    return sockets.at(-1);
  };
  const identity = { apiKey: undefined, tokenProvider: () => token({ sub: "forgetful" }) };
  const { a, flows, stop } = await flowing(t, { url: server.url, reconnect, webSocketFactory, ...identity }, { url: server.url, reconnect });
  const back = once(a, "state-change", { filter: ({ to }) => to === "joined" });
  sockets[0].terminate();
  await back;
  await flows();
  assert.deepEqual(stop(), []);
});

test("streams go on when either side's connection is closed under them", async (t) => {
  const { toA, toB, ways, flows, stop } = await flowing(t, { reconnect });
  for (const remote of [toA, toB, toA]) {
    const resets = [toA, toB].map((other) => once(other, "connection-reset"));
    remote.pc.close();
    await Promise.all(resets);
    await flows();
  }
  assert.ok(ways.every(({ local }) => local.stats.framesDropped > 0), "what was pushed into the gap is counted");
  assert.deepEqual(stop(), []);
});

test("not a single stream ends when the server is killed and started again", async (t) => {
  const { server, options } = await ownServer(t);
  const { a, b, flows, stop } = await flowing(t, options);
  for (let round = 0; round < 3; round += 1) {
    const away = [a, b].map((peer) => once(peer, "state-change", { filter: ({ to }) => to === "reconnecting" }));
    await server.kill();
    await Promise.all(away);
    await flows();
    const back = [a, b].map((peer) => once(peer, "state-change", { filter: ({ to }) => to === "joined" }));
    await server.start();
    await Promise.all(back);
    await flows();
  }
  assert.deepEqual(stop(), []);
});

test("what is published and subscribed while the server is away works, and who comes afterwards gets it too", async (t) => {
  const { server, options } = await ownServer(t);
  const { channel, a, b, toA } = await publishing(t, { options });
  const back = [a, b].map((peer) => once(peer, "state-change", { filter: ({ to }) => to === "joined" }));
  await server.kill();
  await until(() => a.state === "reconnecting" && b.state === "reconnecting");
  const local = a.publishDataTrack({ name: "in the gap" });
  const stream = (await trackOf(toA, "in the gap")).subscribe();
  await subscribers(local, 1);
  local.tryPush({ payload: text("gap") });
  assert.equal(textOf(await stream.read()), "gap");
  await server.start();
  await Promise.all(back);
  const late = await join(t, channel, options);
  const toLate = await remoteOf(late, a.peerId);
  const another = (await trackOf(toLate, "in the gap")).subscribe();
  await subscribers(local, 2);
  local.tryPush({ payload: text("all") });
  assert.deepEqual([textOf(await stream.read()), textOf(await another.read())], ["all", "all"]);
});

test("a publisher that is loaded again under its peer id ends its streams, and its tracks are others", async (t) => {
  const { server } = await ownServer(t);
  const as = { url: server.url, reconnect, apiKey: undefined, tokenProvider: () => token({ sub: "publisher" }) };
  const channel = channelName();
  const reader = await join(t, channel, { url: server.url });
  const sockets = [];
  const first = await join(t, channel, { ...as, webSocketFactory: (url) => {
    sockets.push(new WebSocket(url));
    return sockets.at(-1);
  }, reconnect: false });
  const local = first.publishDataTrack({ name: "telemetry" });
  const toFirst = await remoteOf(reader, "publisher");
  const track = await trackOf(toFirst);
  const stream = track.subscribe();
  await subscribers(local, 1);

  const failed = assert.rejects(stream.read(), { name: "SubscribeDataTrackError", reason: "disconnected" });
  const unpublished = record(toFirst, "data-track-unpublished");
  // As a page that goes away: its socket breaks, the next one has the same token.
  sockets[0].terminate();
  const second = await join(t, channel, as);
  const anew = second.publishDataTrack({ name: "telemetry" });
  await failed;
  const toSecond = await remoteOf(reader, "publisher");
  const again = await until(() => {
    const found = toSecond.dataTracks.get("telemetry");
    return found !== track && found;
  });
  assert.deepEqual([unpublished.payloads.map((event) => event.track), track.isPublished(), again.isPublished()], [[track], false, true]);
  assert.notEqual(again.info.sid, track.info.sid);
  await assert.rejects(track.subscribe().read(), { name: "SubscribeDataTrackError", reason: "unpublished" });
  const next = again.subscribe();
  await subscribers(anew, 1);
  anew.tryPush({ payload: text("new life") });
  assert.equal(textOf(await next.read()), "new life");
});

test("an encrypted stream goes on over another connection, by the same key and with numbers that go on", async (t) => {
  const { a, b, toA, toB } = await pair(t, { reconnect });
  await Promise.all([a, b].map((peer) => peer.setDataTrackKey("key")));
  const local = a.publishDataTrack({ name: "secret", usesE2ee: true });
  const remote = await trackOf(toA, "secret");
  const stream = remote.subscribe();
  for (let round = 0; round < 2; round += 1) {
    await subscribers(local, 1);
    local.tryPush({ payload: text(`round ${round}`) });
    assert.equal(textOf(await stream.read()), `round ${round}`);
    const reset = once(toA, "connection-reset");
    toB.pc.close();
    await reset;
    await until(() => local.stats.subscribers === 1);
  }
  assert.deepEqual([remote.stats.framesUndecryptable, remote.stats.packetsLate], [0, 0]);
});

test("channels that are replaced or left have no listeners any more, nor do rooms that are left", async (t) => {
  const tap = tapped();
  const { rtcPeerConnectionFactory } = tap;
  const { channel, a, b, toA, toB, local } = await streaming(t, { options: { rtcPeerConnectionFactory, reconnect } });
  const { listeners } = tap;
  assert.ok(listeners > 0);
  for (let round = 0; round < 3; round += 1) {
    const resets = [toA, toB].map((remote) => once(remote, "connection-reset"));
    toA.pc.close();
    await Promise.all(resets);
    await until(() => local.stats.subscribers === 1);
    assert.equal(tap.listeners, listeners);
  }
  const late = await join(t, channel, { rtcPeerConnectionFactory });
  await trackOf(await remoteOf(late, a.peerId));
  assert.ok(tap.listeners > listeners);
  const left = Promise.all([a, b].map((peer) => once(peer, "peer-left")));
  await late.close();
  await left;
  assert.equal(tap.listeners, listeners);
  await Promise.all([a.close(), b.close()]);
  assert.equal(tap.listeners, 0);
});
