// What `getStats()` says: of real connections, and of the reports that platforms have given.

import assert from "node:assert/strict";
import { MeteredPeer } from "metered-realtime";
import { FakeConnection, FakeServer } from "../support/fakes.mjs";
import { openChannel, pair, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record } from "../support/wait.mjs";

const NOTHING = {
  route: undefined, localCandidateType: undefined, remoteCandidateType: undefined, protocol: undefined,
  roundTripTimeMs: undefined, bytesSent: 0, bytesReceived: 0,
};

test("a connection tells its route, its round trip and how much it has carried", async (t) => {
  const { a, b, toA, toB } = await pair(t);
  const { ours, theirs } = await openChannel(toB, toA);
  const received = record(theirs, "message");
  await ours.send(new Uint8Array(100_000));
  await received.reach(1);
  const stats = await toB.getStats();
  const { route, localCandidateType, remoteCandidateType, protocol, roundTripTimeMs, bytesSent, bytesReceived } = stats;
  assert.match(`${localCandidateType} ${remoteCandidateType}`, /^(host|prflx) (host|prflx)$/);
  assert.ok([localCandidateType, remoteCandidateType].includes(route));
  assert.equal(protocol, "udp");
  assert.ok(roundTripTimeMs >= 0 && roundTripTimeMs < 5_000, `${roundTripTimeMs} ms`);
  assert.ok(bytesSent > 100_000 && bytesReceived > 0 && bytesReceived < bytesSent, `${bytesSent} sent, ${bytesReceived} received`);

  const all = await a.getStats();
  assert.deepEqual([...all.peers.keys()], [b.peerId]);
  assert.equal(all.peers.get(b.peerId).route, route);
  assert.ok(all.latencyMs >= 0);
});

test("a remote that has left has no stats, and is none of the room's", async (t) => {
  const { a, b, toB } = await pair(t);
  const left = once(a, "peer-left");
  await b.close();
  await left;
  await assert.rejects(toB.getStats(), { name: "InvalidStateError" });
  assert.deepEqual((await a.getStats()).peers, new Map());
});

/** The stats of a remote whose connection gives such a report. */
const statsOf = async (t, report) => {
  const server = new FakeServer();
  server.roster = [{ peerId: "you" }];
  const connection = Object.assign(new FakeConnection(), report && { getStats: async () => new Map(report.map((stat) => [stat.id, stat])) });
  const peer = new MeteredPeer({
    apiKey: "pk_test", url: "ws://localhost:1", webSocketFactory: server.factory, rtcPeerConnectionFactory: () => connection,
  });
  t.after(() => peer.close());
  await peer.join("room");
  return (await remoteOf(peer, "you")).getStats();
};

const pairOf = (id, local, remote, more) => [
  { id, type: "candidate-pair", localCandidateId: `${id}l`, remoteCandidateId: `${id}r`, ...more },
  { id: `${id}l`, type: "local-candidate", candidateType: local, protocol: "udp" },
  { id: `${id}r`, type: "remote-candidate", candidateType: remote, protocol: "tcp" },
];

test("the pair is the one that the transport has selected, and the bytes are those of all pairs before it as well", async (t) => {
  const stats = await statsOf(t, [
    ...pairOf("a", "host", "host", { nominated: true, state: "succeeded", bytesSent: 5, bytesReceived: 6 }),
    ...pairOf("b", "srflx", "relay", { nominated: true, state: "succeeded", bytesSent: 1, bytesReceived: 2, currentRoundTripTime: 0.25 }),
    { id: "T", type: "transport", selectedCandidatePairId: "b", bytesSent: 100, bytesReceived: 200 },
  ]);
  assert.deepEqual(stats, {
    route: "relay", localCandidateType: "srflx", remoteCandidateType: "relay", protocol: "udp",
    roundTripTimeMs: 250, bytesSent: 100, bytesReceived: 200,
  });
});

test("a transport without bytes leaves them to the pairs", async (t) => {
  const { route, bytesSent, bytesReceived } = await statsOf(t, [
    ...pairOf("a", "relay", "host", { bytesSent: 5, bytesReceived: 6 }),
    ...pairOf("b", "prflx", "srflx", { bytesSent: 1, bytesReceived: 2 }),
    ...pairOf("c", "relay", "relay"),
    { id: "T", type: "transport", selectedCandidatePairId: "b" },
  ]);
  assert.deepEqual([route, bytesSent, bytesReceived], ["prflx", 6, 8]);
});

test("without a transport it is the pair that is marked as selected, or else the nominated one that works", async (t) => {
  const marked = await statsOf(t, [
    ...pairOf("a", "relay", "relay", { nominated: true, state: "succeeded" }),
    ...pairOf("b", "srflx", "host", { selected: true }),
  ]);
  assert.equal(marked.route, "srflx");
  const nominated = await statsOf(t, [
    ...pairOf("a", "relay", "relay", { nominated: true, state: "in-progress" }),
    ...pairOf("b", "srflx", "relay", { nominated: false, state: "succeeded" }),
    ...pairOf("c", "host", "host", { nominated: true, state: "succeeded" }),
  ]);
  assert.equal(nominated.route, "host");
});

test("a connection that is not there yet, or tells nothing, has no route", async (t) => {
  assert.deepEqual(await statsOf(t, []), NOTHING);
  assert.deepEqual(await statsOf(t, [{ id: "T", type: "transport" }, { id: "a", type: "candidate-pair", state: "waiting" }]), NOTHING);
  assert.deepEqual(await statsOf(t, undefined), NOTHING);
});
