// One room with peers of this package and of the official SDK.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { OfficialDataChannel, officialJoin } from "../support/official.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

/** One peer of each kind in a room. `oursFirst` says who was there first. */
const mixed = async (t, oursFirst, ourOptions, theirOptions) => {
  const channel = channelName();
  const joinOurs = () => join(t, channel, ourOptions);
  const joinTheirs = () => officialJoin(t, channel, theirOptions);
  const [ours, theirs] = oursFirst ? [await joinOurs(), await joinTheirs()] : await joinTheirs().then(async (peer) => [await joinOurs(), peer]);
  const [toTheirs, toOurs] = await Promise.all([remoteOf(ours, theirs.peerId), remoteOf(theirs, ours.peerId)]);
  return { channel, ours, theirs, toTheirs, toOurs };
};

const as = (sub, peerMetadata) => ({ apiKey: undefined, tokenProvider: async () => token({ sub, peerMetadata }) });

/** Sends texts and bytes through a channel that the other side echoes, and checks what comes back. */
const echo = async (opener, accepted) => {
  accepted.on("message", ({ data }) => accepted.send(data));
  const echoes = record(opener, "message");
  const bytes = new Uint8Array([0, 127, 255]).buffer;
  for (const data of ["ping", "grün 🌱", bytes, "x".repeat(100_000)]) await opener.send(data);
  await echoes.reach(4);
  const plain = echoes.payloads.map(({ data }) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
  assert.deepEqual(plain, ["ping", "grün 🌱", [0, 127, 255], "x".repeat(100_000)]);
};

for (const oursFirst of [true, false]) {
  const order = oursFirst ? "we were there first" : "they were there first";

  test(`we open a data channel to the official SDK and it echoes (${order})`, async (t) => {
    const { toTheirs, toOurs } = await mixed(t, oursFirst);
    const arrival = once(toOurs, "data-channel");
    const opener = new DataChannel(toTheirs.createDataChannel("ours"));
    const opened = once(opener, "open");
    const accepted = new OfficialDataChannel((await arrival).channel);
    await opened;
    assert.equal(accepted.label, "ours");
    await echo(opener, accepted);
    await until(() => toTheirs.state === "connected" && toOurs.state === "connected");
  });

  test(`the official SDK opens a data channel to us and we echo (${order})`, async (t) => {
    const { toTheirs, toOurs } = await mixed(t, oursFirst);
    const arrival = once(toTheirs, "data-channel");
    const opener = new OfficialDataChannel(toOurs.pc.createDataChannel("theirs"));
    const opened = once(opener, "open");
    const accepted = new DataChannel((await arrival).channel);
    await opened;
    assert.equal(accepted.label, "theirs");
    await echo(opener, accepted);
  });
}

for (const [ours, theirs] of [["aaa", "zzz"], ["zzz", "aaa"]]) {
  test(`either may open first, whoever is polite (we are '${ours}')`, async (t) => {
    const { toTheirs, toOurs } = await mixed(t, true, as(`${ours}-${channelName()}`), as(`${theirs}-${channelName()}`));
    assert.equal(toTheirs.polite, ours < theirs);
    assert.equal(toOurs.polite, !toTheirs.polite);
    const first = once(toOurs, "data-channel");
    const a = new DataChannel(toTheirs.createDataChannel("one"));
    await Promise.all([first, once(a, "open")]);
    const second = once(toTheirs, "data-channel");
    const raw = toOurs.pc.createDataChannel("two");
    assert.equal((await second).channel.label, "two");
    await until(() => raw.readyState === "open");
  });
}

test("broadcast and direct data go both ways, with the same kinds", async (t) => {
  const { ours, theirs, toTheirs, toOurs } = await mixed(t, true);
  const atOurs = record(ours, "data");
  const atTheirs = record(theirs, "data");
  await ours.send({ from: "ours" });
  await toTheirs.send([1, null]);
  await ours.sendTo(theirs.peerId, "direct");
  await theirs.send({ from: "theirs" });
  await toOurs.send([2, null]);
  await theirs.sendTo(ours.peerId, "direct");
  await Promise.all([atOurs.reach(3), atTheirs.reach(3)]);
  const plain = ({ senderPeerId, data, kind }) => [senderPeerId, data, kind];
  assert.deepEqual(atTheirs.payloads.map(plain), [
    [ours.peerId, { from: "ours" }, "broadcast"], [ours.peerId, [1, null], "direct"], [ours.peerId, "direct", "direct"],
  ]);
  assert.deepEqual(atOurs.payloads.map(plain), [
    [theirs.peerId, { from: "theirs" }, "broadcast"], [theirs.peerId, [2, null], "direct"], [theirs.peerId, "direct", "direct"],
  ]);
});

test("each sees the other's metadata, and the other leaving", async (t) => {
  const { ours, theirs, toTheirs, toOurs } = await mixed(t, true, as("ours-m", { name: "O" }), as("theirs-m", { name: "T" }));
  assert.deepEqual([toTheirs.metadata, toOurs.metadata], [{ name: "T" }, { name: "O" }]);
  const left = once(ours, "peer-left");
  await theirs.close();
  assert.equal((await left).peer, toTheirs);

  const again = await officialJoin(t, ours.channel);
  await remoteOf(again, "ours-m");
  const gone = once(again, "peer-left");
  await ours.close();
  assert.equal((await gone).peer.id, "ours-m");
});

test("a room of three of each sees everybody", async (t) => {
  const channel = channelName();
  const peers = [];
  for (let i = 0; i < 3; i += 1) peers.push(await join(t, channel), await officialJoin(t, channel));
  const ids = peers.map(({ peerId }) => peerId).sort();
  for (const peer of peers) {
    await until(() => [...peer.remotePeers].length === 5);
    assert.deepEqual([...peer.remotePeers].map(({ id }) => id).sort(), ids.filter((id) => id !== peer.peerId));
  }
});
