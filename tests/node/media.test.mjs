// What is sent to the room and what arrives of it. First between real connections, then with connections, streams and
// tracks of the test's own, for what real ones do not do at will.

import assert from "node:assert/strict";
import { MeteredPeer, MeteredPeerReplaceTrackError, MeteredPeerStateError } from "metered-realtime";
import { FakeServer } from "../support/fakes.mjs";
import { FakeMediaConnection, FakeStream, FakeTrack, generatedStream } from "../support/media.mjs";
import { channelName, join, newPeer, openChannel, pair, remoteOf } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, settle, until } from "../support/wait.mjs";

const camera = { role: "camera", label: "front" };

test("a stream arrives with its tracks, its id and what was said about it", async (t) => {
  const { a, toA } = await pair(t);
  const stream = generatedStream(t, "video", "audio");
  const [tracks, streams] = [record(toA, "track"), record(toA, "stream-added")];
  a.addStream(stream, camera);
  await tracks.reach(2);
  assert.deepEqual(tracks.payloads.map(({ track }) => track.kind).sort(), ["audio", "video"]);
  for (const event of tracks.payloads) {
    assert.deepEqual(event.metadata, camera);
    assert.deepEqual(event.streams.map(({ id }) => id), [stream.id]);
  }
  assert.equal(streams.payloads.length, 1, "once for the stream, not for each track");
  assert.equal(streams.payloads[0].stream.id, stream.id);
  assert.deepEqual(streams.payloads[0].metadata, camera);
});

test("a track without a stream arrives alone, and without metadata has none", async (t) => {
  const { b, toB } = await pair(t);
  const [track] = generatedStream(t, "audio").getTracks();
  const arrival = once(toB, "track");
  const streams = record(toB, "stream-added");
  b.addTrack(track);
  const event = await arrival;
  assert.deepEqual([event.track.kind, [...event.streams], "metadata" in event], ["audio", [], false]);
  await settle();
  assert.deepEqual(streams.payloads, []);
});

test("each track has its own metadata, and the stream that of its first", async (t) => {
  const { a, toA } = await pair(t);
  const stream = generatedStream(t, "video", "video");
  const tracks = record(toA, "track");
  const added = once(toA, "stream-added");
  stream.getTracks().forEach((track, n) => a.addTrack(track, stream, { n }));
  await tracks.reach(2);
  assert.deepEqual(tracks.payloads.map(({ metadata }) => metadata), [{ n: 0 }, { n: 1 }]);
  assert.deepEqual((await added).metadata, { n: 0 });
});

test("both sides send, and the one who answers on what the other opened is understood as well", async (t) => {
  const { a, b, toA, toB } = await pair(t);
  const [ofA, ofB] = [generatedStream(t, "video"), generatedStream(t, "video")];
  const atB = once(toA, "stream-added");
  a.addStream(ofA, { from: "a" });
  assert.deepEqual((await atB).metadata, { from: "a" });
  const atA = once(toB, "stream-added");
  b.addStream(ofB, { from: "b" });
  const { stream, metadata } = await atA;
  assert.deepEqual([stream.id, metadata], [ofB.id, { from: "b" }]);
  assert.equal(toB.pc.getTransceivers().length, 1, "the answer did not take the transceiver that was there");
});

test("what is added before joining is sent to everybody, and to who comes later", async (t) => {
  const channel = channelName();
  const a = await newPeer(t);
  const early = generatedStream(t, "audio");
  a.addStream(early, { early: true });
  await a.join(channel);
  const late = generatedStream(t, "video");
  const b = await join(t, channel);
  const atB = record(await remoteOf(b, a.peerId), "stream-added");
  await remoteOf(a, b.peerId);
  a.addStream(late, { late: true });
  await atB.reach(2);
  const newcomer = await join(t, channel);
  const atNewcomer = record(await remoteOf(newcomer, a.peerId), "stream-added");
  await atNewcomer.reach(2);
  const plain = ({ payloads }) => payloads.map(({ stream, metadata }) => [stream.id, metadata]);
  assert.deepEqual(plain(atB), [[early.id, { early: true }], [late.id, { late: true }]]);
  assert.deepEqual(plain(atNewcomer), plain(atB));
});

test("a stream that is removed goes once its last track has gone, and can come again", async (t) => {
  const { a, toA } = await pair(t);
  const stream = generatedStream(t, "video", "audio");
  const added = record(toA, "stream-added");
  const removed = record(toA, "stream-removed");
  a.addStream(stream, camera);
  await added.reach(1);
  await until(() => added.payloads[0].stream.getTracks().length === 2);
  a.removeTrack(stream.getTracks()[0]);
  await until(() => added.payloads[0].stream.getTracks().length === 1);
  await until(() => toA.pc.signalingState === "stable");
  await settle();
  assert.deepEqual(removed.payloads, []);
  a.removeStream(stream);
  await removed.reach(1);
  assert.equal(removed.payloads[0].stream, added.payloads[0].stream);
  a.addStream(stream, { again: true });
  await added.reach(2);
  assert.equal(added.payloads[1].stream.id, stream.id);
  assert.deepEqual(added.payloads[1].metadata, { again: true });
  assert.equal(removed.payloads.length, 1);
});

test("who leaves takes their streams along", async (t) => {
  const { a, b, toA } = await pair(t);
  const added = once(toA, "stream-added");
  a.addStream(generatedStream(t, "audio"));
  const { stream } = await added;
  const order = [];
  toA.on("stream-removed", (event) => order.push(["stream-removed", event.stream === stream]));
  const left = once(b, "peer-left");
  b.on("peer-left", () => order.push(["peer-left"]));
  await a.close();
  await left;
  assert.deepEqual(order, [["stream-removed", true], ["peer-left"]]);
});

test("replaceTrack sends another track on the same transceiver, and newcomers get that one", async (t) => {
  const { a, toA, toB, channel } = await pair(t);
  const stream = generatedStream(t, "video");
  const [before] = stream.getTracks();
  const [after] = generatedStream(t, "video").getTracks();
  const tracks = record(toA, "track");
  a.addStream(stream, camera);
  await tracks.reach(1);
  await until(() => toB.pc.signalingState === "stable");
  await a.replaceTrack(before, after);
  assert.deepEqual(toB.pc.getSenders().map(({ track }) => track.id), [after.id]);
  assert.deepEqual([a.getTrackMetadata(before), a.getTrackMetadata(after)], [undefined, camera]);

  const newcomer = await join(t, channel);
  const event = await once(await remoteOf(newcomer, a.peerId), "track");
  assert.deepEqual([event.track.id, event.streams[0].id, event.metadata], [after.id, stream.id, camera]);
  assert.equal(tracks.payloads.length, 1, "nothing was negotiated");
});

test("a track of another kind cannot take a track's place, and the old one stays", async (t) => {
  const { a, b, toA, toB } = await pair(t);
  const [video, audio] = generatedStream(t, "video", "audio").getTracks();
  const arrival = once(toA, "track");
  a.addTrack(video, undefined, camera);
  await arrival;
  const error = await a.replaceTrack(video, audio).catch((error) => error);
  assert.ok(error instanceof MeteredPeerReplaceTrackError);
  assert.deepEqual([error.name, error.succeeded], ["MeteredPeerReplaceTrackError", []]);
  assert.deepEqual(error.failed.map(({ peerId, err }) => [peerId, err.name]), [[b.peerId, "TypeError"]]);
  assert.equal(toB.pc.getSenders()[0].track.id, video.id);
  assert.deepEqual(a.getTrackMetadata(video), camera);
});

for (const [what, settings, resets] of [["forgets sessions", { resumeGrace: 0 }, 1], ["keeps sessions", {}, 0]]) {
  test(`a server that ${what} goes away and comes back: media ${resets ? "comes again as fresh objects" : "is not disturbed"}`, async (t) => {
    const server = await startServer(0, settings);
    t.after(() => server.kill());
    // The receiver is back last, and so finds the sender in the roster.
    const as = (sub, initialDelayMs) => ({
      apiKey: undefined, tokenProvider: () => token({ sub }), url: server.url, reconnect: { initialDelayMs, multiplier: 1, jitterRatio: 0 },
    });
    const { a, b, toA, toB } = await pair(t, as("sender", 50), as("receiver", 400));
    const stream = generatedStream(t, "video", "audio");
    const [added, removed] = [record(toA, "stream-added"), record(toA, "stream-removed")];
    const reset = record(toA, "connection-reset");
    a.addStream(stream, camera);
    await added.reach(1);
    // A channel is open when everything has been agreed on.
    await openChannel(toB, toA);

    const back = [a, b].map((peer) => once(peer, "state-change", { filter: ({ to }) => to === "joined" }));
    await server.kill();
    await server.start();
    await Promise.all(back);
    await added.reach(1 + resets);
    await openChannel(await remoteOf(a, "receiver"), toA, { label: "again" });
    assert.deepEqual([added.payloads.length, reset.payloads.length, removed.payloads], [1 + resets, resets, []]);
    const [first, last] = [added.payloads[0], added.payloads.at(-1)];
    assert.deepEqual([last.stream.id, last.metadata], [stream.id, camera]);
    assert.equal(last.stream !== first.stream, resets > 0);

    a.removeStream(stream);
    await removed.reach(1);
    assert.equal(removed.payloads[0].stream, last.stream);
  });
}

// ---- with connections of the test's own

/** A room with these remotes in it, and the connections that were made. */
const fakeRoom = async (t, ids, welcome) => {
  const server = new FakeServer();
  server.welcome = welcome;
  server.roster = ids.map((peerId) => ({ peerId }));
  const connections = [];
  const peer = new MeteredPeer({
    apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory,
    rtcPeerConnectionFactory: () => {
      const pc = new FakeMediaConnection();
      connections.push(pc);
      return pc;
    },
    reconnect: { initialDelayMs: 10, maxDelayMs: 10 },
  });
  t.after(() => peer.close());
  const joined = record(peer, "peer-joined");
  await peer.join("room");
  await joined.reach(ids.length);
  return { server, peer, connections, remotes: peer.remotePeers };
};

/** What the server was told of tracks, and of descriptions in between. */
const signals = (server) =>
  server.sent("send").map(({ to, data }) => [to, data.__meteredTrackMeta ?? data.type]).filter(([, what]) => what !== "rtc-ice");

const describes = (server, from, meta) => server.socket.receive({ type: "direct", from, data: { __meteredTrackMeta: meta } });

test("what is said about a track leaves before the offer, with its stream and kind, and is taken back with the track", async (t) => {
  const { server, peer, connections } = await fakeRoom(t, ["bob"]);
  const [track, plain] = [new FakeTrack("video"), new FakeTrack("audio")];
  const stream = new FakeStream(track);
  peer.addTrack(track, stream, camera);
  peer.addTrack(plain);
  await until(() => signals(server).length === 2);
  const about = { trackId: track.id, streamId: stream.id, kind: "video" };
  assert.deepEqual(signals(server), [["bob", { ...about, metadata: camera }], ["bob", "rtc-description"]]);
  assert.deepEqual(connections[0].senders.map((sender) => [sender.track, sender.streams]), [[track, [stream]], [plain, []]]);
  peer.removeStream(stream);
  peer.removeTrack(plain);
  await settle();
  assert.deepEqual(signals(server)[2], ["bob", about]);
  assert.deepEqual(connections[0].senders, []);
});

test("where a connection outlives the server, what may have got lost is said again", async (t) => {
  const { server, peer, connections } = await fakeRoom(t, ["bob"], { resume: { token: "t", graceMs: 15_000 } });
  peer.addTrack(new FakeTrack("video"), undefined, camera);
  const silent = new FakeTrack("audio");
  peer.addTrack(silent, undefined, camera);
  await peer.replaceTrack(silent, null);
  connections[0].connect();
  const back = once(peer, "state-change", { filter: ({ to }) => to === "joined" });
  server.socket.drop();
  await back;
  await until(() => signals(server).length >= 2);
  assert.equal(connections.length, 1);
  assert.deepEqual(signals(server).slice(0, 2).map(([to, what]) => [to, what.kind, what.metadata]), [["bob", "video", camera], ["bob", "audio", undefined]]);
});

test("the same track twice is one, another stream or a second life need it removed first", async (t) => {
  const { peer, connections } = await fakeRoom(t, ["bob"]);
  const [track, free] = [new FakeTrack("video"), new FakeTrack("audio")];
  const [stream, other] = [new FakeStream(track), new FakeStream(free, track)];
  peer.addStream(stream, camera);
  peer.addStream(stream, { role: "ignored" });
  peer.addTrack(track, stream);
  assert.equal(connections[0].senders.length, 1);
  assert.deepEqual(peer.getTrackMetadata(track), camera);
  for (const again of [() => peer.addTrack(track), () => peer.addStream(other)]) {
    assert.throws(again, (error) => error instanceof MeteredPeerStateError && error.code === "track_already_attached" && error.currentState === "joined");
  }
  assert.equal(connections[0].senders.length, 1, "of a stream that is refused nothing is sent");
  peer.removeTrack(track);
  peer.removeTrack(track);
  peer.addStream(other);
  assert.deepEqual(connections[0].senders.map((sender) => sender.track), [free, track]);
  await assert.rejects(peer.replaceTrack(free, track), { code: "track_already_attached", method: "replaceTrack" });
});

test("metadata is a copy, and that of a stream is its first track's", async (t) => {
  const { peer } = await fakeRoom(t, []);
  const [one, two] = [new FakeTrack("audio"), new FakeTrack("video")];
  const stream = new FakeStream(one, two);
  const given = { role: "camera", deep: { n: 1 } };
  peer.addTrack(two, stream, { second: true });
  assert.deepEqual(peer.getStreamMetadata(stream), { second: true });
  peer.addTrack(one, stream, given);
  given.deep.n = 2;
  peer.getTrackMetadata(one).deep.n = 3;
  assert.deepEqual(peer.getStreamMetadata(stream), { role: "camera", deep: { n: 1 } });
  assert.equal(peer.getTrackMetadata(new FakeTrack("audio")), undefined);
  assert.equal(peer.getStreamMetadata(new FakeStream()), undefined);
});

test("replaceTrack tells for whom it failed, and the others have the new track", async (t) => {
  const { server, peer, connections } = await fakeRoom(t, ["ann", "bob", "eve"]);
  const [before, after] = [new FakeTrack("video"), new FakeTrack("video")];
  const stream = new FakeStream(before);
  peer.addStream(stream, camera);
  connections[1].refuses = () => true;
  await settle();
  const error = await peer.replaceTrack(before, after).catch((error) => error);
  assert.deepEqual([error.succeeded, error.failed.map(({ peerId }) => peerId)], [["ann", "eve"], ["bob"]]);
  assert.deepEqual(connections.map((pc) => pc.senders[0].track), [after, before, after]);
  const about = { streamId: stream.id, kind: "video" };
  const told = signals(server).filter(([to, what]) => to === "ann" && what.trackId).slice(1);
  assert.deepEqual(told.map(([, what]) => what), [{ trackId: before.id, ...about }, { trackId: after.id, metadata: camera, ...about }]);

  connections[1].refuses = () => false;
  peer.removeStream(stream);
  assert.deepEqual(connections.map((pc) => pc.senders.length), [0, 0, 0], "what is removed is removed for everybody");
});

test("a track replaced by null is silent for all, for newcomers too, until something takes its place", async (t) => {
  const { server, peer, connections } = await fakeRoom(t, ["ann"]);
  const [track, next] = [new FakeTrack("video"), new FakeTrack("video")];
  peer.addStream(new FakeStream(track), camera);
  await peer.replaceTrack(track, null);
  assert.equal(connections[0].senders[0].track, null);
  assert.equal(peer.getTrackMetadata(track), undefined);
  server.socket.receive({ type: "presence", channel: "room", joined: [{ peerId: "bob" }], left: [] });
  assert.deepEqual(connections[1].senders, []);
  await peer.replaceTrack(track, next);
  assert.deepEqual(connections.map((pc) => pc.senders.map((sender) => sender.track)), [[next], [next]]);
  assert.deepEqual(peer.getTrackMetadata(next), camera);
  await peer.replaceTrack(next, null);
  peer.addTrack(next);
  assert.deepEqual(connections.map((pc) => pc.senders.map((sender) => sender.track)), [[next], [next]]);
});

test("a connection that is replaced while a track is replaced has the new one, and nothing has failed", async (t) => {
  const { server, peer, connections } = await fakeRoom(t, ["bob"]);
  const [before, after] = [new FakeTrack("video"), new FakeTrack("video")];
  peer.addTrack(before);
  let refuse;
  connections[0].senders[0].replaceTrack = () => new Promise((_, reject) => { refuse = reject; });
  const replaced = peer.replaceTrack(before, after);
  const back = once(peer, "state-change", { filter: ({ to }) => to === "joined" });
  server.socket.drop();
  await back;
  refuse(new Error("closed"));
  await replaced;
  assert.deepEqual(connections.map((pc) => pc.senders[0].track), [before, after]);
});

test("a closed room takes no media, and arguments of a wrong type are told by their names", async (t) => {
  const { peer } = await fakeRoom(t, []);
  const track = new FakeTrack("video");
  const stream = new FakeStream(track);
  const circle = {};
  circle.circle = circle;
  for (const [name, call] of [
    ["track", () => peer.addTrack({})], ["track", () => peer.addTrack(null)], ["track", () => peer.removeTrack("id")],
    ["stream", () => peer.addTrack(track, {})], ["stream", () => peer.addStream()], ["stream", () => peer.removeStream(track)],
    ["stream", () => peer.getStreamMetadata(null)],
    ["metadata", () => peer.addTrack(track, stream, "camera")], ["metadata", () => peer.addStream(stream, [1])],
    ["metadata", () => peer.addTrack(track, stream, circle)], ["metadata", () => peer.addTrack(track, stream, () => 1)],
  ]) {
    assert.throws(call, (error) => error instanceof TypeError && error.message.includes(`\`${name}\``), `${name}: ${call}`);
  }
  await assert.rejects(peer.replaceTrack(null, track), { name: "TypeError", message: /`oldTrack`/ });
  await assert.rejects(peer.replaceTrack(track, undefined), { name: "TypeError", message: /`newTrack`/ });
  assert.throws(() => peer.addStream(stream, { x: "x".repeat(65_000) }), { name: "MeteredPeerOversizedError", cap: 65_536 });
  assert.equal(peer.getTrackMetadata(track), undefined, "nothing of that was taken");

  await peer.close();
  for (const method of ["addStream", "removeStream", "addTrack", "removeTrack"]) {
    const call = () => peer[method](method.endsWith("Stream") ? stream : track);
    assert.throws(call, { name: "MeteredPeerStateError", code: "invalid_state", method, currentState: "closed" });
  }
  await assert.rejects(peer.replaceTrack(track, null), { code: "invalid_state", method: "replaceTrack" });
});

test("a connection that does not take a track says so, and the others get it", async (t) => {
  const { peer, connections, remotes } = await fakeRoom(t, ["ann", "bob"]);
  connections[0].addTrack = () => { throw new Error("no more"); };
  const error = once(remotes[0], "negotiation-error");
  peer.addTrack(new FakeTrack("audio"));
  assert.equal((await error).err.message, "no more");
  assert.equal(connections[1].senders.length, 1);
});

test("a handler that adds a track reaches also who is only about to be met", async (t) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "ann" }, { peerId: "bob" }];
  const connections = [];
  const peer = new MeteredPeer({
    apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory,
    rtcPeerConnectionFactory: () => connections[connections.push(new FakeMediaConnection()) - 1],
  });
  t.after(() => peer.close());
  const seen = [];
  peer.once("peer-joined", () => {
    seen.push(...peer.remotePeers.map(({ id }) => id));
    peer.addTrack(new FakeTrack("audio"));
  });
  await peer.join("room");
  await until(() => connections.length === 2);
  assert.deepEqual(seen, ["ann"]);
  assert.deepEqual(connections.map((pc) => pc.senders.length), [1, 1]);
});

test("a track is found by its id, then by its stream and kind, and no two tracks by the same words", async (t) => {
  const { server, connections, remotes } = await fakeRoom(t, ["bob"]);
  const tracks = record(remotes[0], "track");
  const stream = new FakeStream();
  const video = () => new FakeTrack("video");
  describes(server, "bob", { trackId: "one", metadata: { n: 1 }, streamId: stream.id, kind: "video" });
  describes(server, "bob", { trackId: "two", metadata: { n: 2 }, streamId: stream.id, kind: "video" });
  describes(server, "bob", { trackId: "alone", metadata: { n: 3 }, kind: "audio" });
  connections[0].receive(Object.assign(video(), { id: "one" }), stream);
  const second = video();
  connections[0].receive(second, stream);
  connections[0].receive(video(), stream);
  connections[0].receive(new FakeTrack("audio"));
  connections[0].receive(new FakeTrack("audio"), stream);
  connections[0].receive(second, stream);
  assert.deepEqual(tracks.payloads.map(({ metadata }) => metadata?.n), [1, 2, undefined, 3, undefined, 2]);
});

test("metadata that comes late counts from then on, and cleared it counts no more", async (t) => {
  const { server, connections, remotes } = await fakeRoom(t, ["bob"]);
  const tracks = record(remotes[0], "track");
  const track = new FakeTrack("video");
  const arrive = () => connections[0].receive(track, new FakeStream());
  arrive();
  describes(server, "bob", { trackId: track.id, metadata: camera });
  arrive();
  describes(server, "bob", { trackId: track.id, metadata: null });
  arrive();
  assert.deepEqual(tracks.payloads.map(({ metadata }) => metadata), [undefined, camera, undefined]);
});

test("of more than 512 tracks the first that were described are forgotten", async (t) => {
  const { server, connections, remotes } = await fakeRoom(t, ["bob"]);
  const tracks = record(remotes[0], "track");
  for (let n = 0; n < 600; n += 1) describes(server, "bob", { trackId: `t${n}`, metadata: { n } });
  for (const id of ["t87", "t88", "t599"]) connections[0].receive(Object.assign(new FakeTrack("audio"), { id }));
  assert.deepEqual(tracks.payloads.map(({ metadata }) => metadata?.n), [undefined, 88, 599]);
});

test("hostile metadata neither throws nor reaches anything but its track", async (t) => {
  const { server, connections, remotes, peer } = await fakeRoom(t, ["bob"]);
  const [tracks, data] = [record(remotes[0], "track"), record(peer, "data")];
  for (const meta of [null, 5, "x", [], {}, { trackId: 5 }, { trackId: "t", metadata: "x" }, { trackId: "t", metadata: [1] }, { trackId: {}, metadata: {} }]) {
    describes(server, "bob", meta);
  }
  for (const id of ["__proto__", "constructor", "x".repeat(60_000)]) describes(server, "bob", { trackId: id, metadata: { id }, streamId: {}, kind: [] });
  server.socket.receive(`{"type":"direct","from":"bob","data":{"__meteredTrackMeta":{"trackId":"p","metadata":{"__proto__":{"polluted":true}}}}}`);
  for (const id of ["t", "__proto__", "constructor", "p"]) connections[0].receive(Object.assign(new FakeTrack("video"), { id }));
  const [none, proto, constructor, polluter] = tracks.payloads.map(({ metadata }) => metadata);
  assert.deepEqual([none, proto, constructor], [undefined, { id: "__proto__" }, { id: "constructor" }]);
  assert.deepEqual([polluter.polluted, {}.polluted], [undefined, undefined]);
  assert.deepEqual(data.payloads, []);
  assert.equal(peer.state, "joined");
});

test("a stream is removed by removetrack or by the end of its tracks, and its listeners with it", async (t) => {
  const { connections, remotes } = await fakeRoom(t, ["bob"]);
  const [pc] = connections;
  const removed = record(remotes[0], "stream-removed");
  const [one, two, shared] = [new FakeTrack("audio"), new FakeTrack("video"), new FakeTrack("video")];
  const [a, b] = [new FakeStream(), new FakeStream()];
  pc.receive(one, a);
  pc.receive(two, a);
  pc.receive(shared, a, b);
  a.dispatch("removetrack", { track: one });
  a.dispatch("removetrack", { track: new FakeTrack("audio") });
  two.dispatch("ended");
  assert.deepEqual(removed.payloads, []);
  a.dispatch("removetrack", { track: shared });
  assert.deepEqual(removed.payloads, [{ stream: a }]);
  shared.dispatch("ended");
  assert.deepEqual(removed.payloads, [{ stream: a }, { stream: b }]);
  for (const target of [one, two, shared, a, b]) assert.equal(target.added, target.removed);
});

test("a replaced connection has every track again, its old one says nothing more, and its listeners are gone", async (t) => {
  const { server, peer, connections, remotes } = await fakeRoom(t, ["bob"]);
  const [added, removed] = [record(remotes[0], "stream-added"), record(remotes[0], "stream-removed")];
  const [mine, theirs] = [new FakeTrack("audio"), new FakeTrack("video")];
  const stream = new FakeStream(theirs);
  peer.addTrack(mine, undefined, camera);
  describes(server, "bob", { trackId: theirs.id, metadata: { role: "screen" } });
  connections[0].receive(theirs, stream);
  const reset = once(remotes[0], "connection-reset");
  server.socket.drop();
  await reset;
  theirs.dispatch("ended");
  stream.dispatch("removetrack", { track: theirs });
  assert.deepEqual(removed.payloads, []);
  for (const target of [theirs, stream, connections[0]]) assert.equal(target.added, target.removed);

  assert.deepEqual(connections[1].senders.map(({ track }) => track), [mine]);
  await until(() => signals(server).length === 2);
  assert.deepEqual(signals(server).map(([, what]) => what.metadata ?? what), [camera, "rtc-description"]);
  const fresh = Object.assign(new FakeStream(), { id: stream.id });
  connections[1].receive(Object.assign(new FakeTrack("video"), { id: theirs.id }), fresh);
  assert.deepEqual(added.payloads, [stream, fresh].map((stream) => ({ stream, metadata: { role: "screen" } })));
});
