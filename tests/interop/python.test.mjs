// One room with peers of this package in Node and of the official Python SDK, which does not trickle, has no rollback
// and cannot restart ICE.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { payload, pythonJoin, pythonPeer } from "../support/python.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

const texts = ["ping", "grün 🌱", "x".repeat(60_000)];
const bytes = [0, 127, 255];

/** One peer of each kind in a room, and how we see theirs. */
const mixed = async (t, { oursFirst = true, ourId, theirId } = {}) => {
  const channel = channelName();
  const python = await pythonPeer(t);
  const { url, apiKey } = await access();
  const theirLogin = theirId ? { url, token: token({ sub: theirId, peerMetadata: { name: theirId } }) } : { url, apiKey };
  const ourLogin = ourId && { apiKey: undefined, tokenProvider: async () => token({ sub: ourId, peerMetadata: { name: ourId } }) };
  let ours;
  const steps = [async () => { ours = await join(t, channel, ourLogin); }, () => python.join(channel, theirLogin)];
  for (const step of oursFirst ? steps : steps.reverse()) await step();
  const toPython = await remoteOf(ours, python.peerId);
  const met = await python.saw("peer-joined", { peer: ours.peerId });
  return { channel, ours, python, toPython, met };
};

for (const oursFirst of [true, false]) {
  const order = oursFirst ? "we were there first" : "Python was there first";

  test(`we open a data channel to Python and it echoes (${order})`, async (t) => {
    const { ours, python, toPython } = await mixed(t, { oursFirst });
    const dc = new DataChannel(toPython.createDataChannel("ours"));
    const echoes = record(dc, "message");
    await once(dc, "open");
    for (const data of [...texts, new Uint8Array(bytes)]) await dc.send(data);
    await echoes.reach(4);
    const plain = echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
    assert.deepEqual(plain, [...texts, bytes]);
    await python.saw("data-channel", { peer: ours.peerId, label: "ours" });
    await until(() => toPython.state === "connected");
  });

  test(`Python opens a data channel to us and we echo (${order})`, async (t) => {
    const { ours, python, toPython } = await mixed(t, { oursFirst });
    const arrival = once(toPython, "data-channel");
    await python.open(ours.peerId, "theirs");
    const dc = new DataChannel((await arrival).channel);
    assert.equal(dc.label, "theirs");
    dc.on("message", ({ data }) => dc.send(data));
    await python.saw("open", { label: "theirs" });
    const echoes = record(python, "message");
    for (const data of [...texts, new Uint8Array(bytes)]) await python.post(ours.peerId, "theirs", data);
    await echoes.reach(4);
    assert.deepEqual(echoes.payloads.map(payload), [...texts, bytes]);
  });
}

for (const [ourId, theirId] of [["aaa", "zzz"], ["zzz", "aaa"]]) {
  test(`both open a channel in the same moment, and both open (we are '${ourId}')`, async (t) => {
    const { ours, python, toPython, met } = await mixed(t, { ourId, theirId });
    assert.deepEqual([toPython.polite, met.polite], [ourId < theirId, theirId < ourId]);
    const arrival = once(toPython, "data-channel");
    const opening = python.open(ours.peerId, "theirs");
    const dc = new DataChannel(toPython.createDataChannel("ours"));
    await Promise.all([once(dc, "open"), python.saw("open", { label: "theirs" }), arrival, opening]);
    const echo = once(dc, "message");
    await dc.send("x");
    assert.equal((await echo).data, "x");
  });

  test(`a second channel opens on a connection that is up, whoever asks (we are '${ourId}')`, async (t) => {
    const { ours, python, toPython } = await mixed(t, { ourId, theirId });
    await once(new DataChannel(toPython.createDataChannel("first")), "open");
    const connection = toPython.pc;
    const arrival = once(toPython, "data-channel");
    await python.open(ours.peerId, "second");
    assert.equal((await arrival).channel.label, "second");
    await python.saw("open", { label: "second" });
    await once(new DataChannel(toPython.createDataChannel("third")), "open");
    assert.equal(toPython.pc, connection, "nothing was built anew");
  });
}

test("broadcast and direct data go both ways, with the same kinds", async (t) => {
  const { ours, python, toPython } = await mixed(t);
  const [atOurs, atTheirs] = [record(ours, "data"), record(python, "data")];
  await ours.send({ from: "ours" });
  await toPython.send([1, null]);
  await ours.sendTo(python.peerId, null);
  await python.send({ from: "Python 🐍" });
  await python.sendTo(ours.peerId, [2, null]);
  await Promise.all([atOurs.reach(2), atTheirs.reach(3)]);
  const plain = ({ senderPeerId, data, kind }) => [senderPeerId, data, kind];
  assert.deepEqual(atTheirs.payloads.map(plain), [
    [ours.peerId, { from: "ours" }, "broadcast"], [ours.peerId, [1, null], "direct"], [ours.peerId, null, "direct"],
  ]);
  assert.deepEqual(atOurs.payloads.map(plain), [
    [python.peerId, { from: "Python 🐍" }, "broadcast"], [python.peerId, [2, null], "direct"],
  ]);
});

test("each sees the other's metadata, and the other leaving", async (t) => {
  const { channel, ours, python, toPython, met } = await mixed(t, { ourId: "ours-m", theirId: "theirs-m" });
  assert.deepEqual([toPython.metadata, met.metadata], [{ name: "theirs-m" }, { name: "ours-m" }]);
  const left = once(ours, "peer-left");
  await python.leave();
  assert.equal((await left).peer, toPython);

  const again = await pythonJoin(t, channel);
  await again.saw("peer-joined", { peer: "ours-m" });
  await ours.close();
  await again.saw("peer-left", { peer: "ours-m" });
});
