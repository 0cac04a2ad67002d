// Tracks and what is said about them, between peers of this package and of the official SDK.

import assert from "node:assert/strict";
import { generatedStream } from "../support/media.mjs";
import { officialJoin } from "../support/official.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

const camera = { role: "camera", label: "front" };

/** One peer of each kind in a room, in this order or the other. */
const mixed = async (t, oursFirst) => {
  const channel = channelName();
  const joinOne = (ours) => (ours ? join(t, channel) : officialJoin(t, channel));
  const first = await joinOne(oursFirst);
  const second = await joinOne(!oursFirst);
  const [ours, theirs] = oursFirst ? [first, second] : [second, first];
  const [toTheirs, toOurs] = await Promise.all([remoteOf(ours, theirs.peerId), remoteOf(theirs, ours.peerId)]);
  return { channel, ours, theirs, toTheirs, toOurs };
};

for (const weSend of [true, false]) {
  const who = weSend ? "we send to the official SDK" : "the official SDK sends to us";
  const sides = async (t, oursFirst = true) => {
    const { ours, theirs, toTheirs, toOurs, channel } = await mixed(t, oursFirst);
    return weSend ? { channel, sender: ours, atReceiver: toOurs } : { channel, sender: theirs, atReceiver: toTheirs };
  };

  for (const oursFirst of [true, false]) {
    test(`${who}: a stream, its tracks and its metadata arrive (${oursFirst ? "we" : "they"} were there first)`, async (t) => {
      const { sender, atReceiver } = await sides(t, oursFirst);
      const stream = generatedStream(t, "audio", "video");
      const [tracks, added] = [record(atReceiver, "track"), record(atReceiver, "stream-added")];
      sender.addStream(stream, camera);
      await tracks.reach(2);
      assert.deepEqual(tracks.payloads.map(({ track, streams, metadata }) => [track.kind, streams[0].id, metadata]), [
        ["audio", stream.id, camera], ["video", stream.id, camera],
      ]);
      assert.deepEqual(added.payloads.map((event) => [event.stream.id, event.metadata]), [[stream.id, camera]]);
    });
  }

  test(`${who}: newcomers get what is being sent, also a track that has taken another's place`, async (t) => {
    const { sender, atReceiver, channel } = await sides(t);
    const stream = generatedStream(t, "video");
    const [next] = generatedStream(t, "video").getTracks();
    const arrived = once(atReceiver, "track");
    sender.addStream(stream, camera);
    await arrived;
    const pc = [...sender.remotePeers][0].pc;
    await until(() => pc.signalingState === "stable");
    await sender.replaceTrack(stream.getTracks()[0], next);
    assert.deepEqual(sender.getTrackMetadata(next), camera);
    for (const joinOne of [join, officialJoin]) {
      const newcomer = await joinOne(t, channel);
      const event = await once(await remoteOf(newcomer, sender.peerId), "track");
      assert.deepEqual([event.track.id, event.streams[0].id, event.metadata], [next.id, stream.id, camera]);
    }
  });
}

test("we learn that the official SDK has removed a stream, and get it when it is added again", async (t) => {
  const { theirs, toTheirs, toOurs } = await mixed(t, true);
  const stream = generatedStream(t, "audio", "video");
  const [added, removed] = [record(toTheirs, "stream-added"), record(toTheirs, "stream-removed")];
  theirs.addStream(stream, camera);
  await added.reach(1);
  // In Node the official SDK loses what changes while it negotiates.
  const agreed = () => until(() => [toTheirs, toOurs].every(({ pc }) => pc.signalingState === "stable"));
  await agreed();
  theirs.removeStream(stream);
  await removed.reach(1);
  await agreed();
  assert.equal(removed.payloads[0].stream, added.payloads[0].stream);
  theirs.addStream(stream);
  await added.reach(2);
});

test("what we take back is nothing that a program on the official SDK sees", async (t) => {
  const { ours, theirs, toOurs } = await mixed(t, true);
  const stream = generatedStream(t, "video");
  const arrived = once(toOurs, "track");
  const data = record(theirs, "data");
  ours.addStream(stream, camera);
  await arrived;
  ours.removeStream(stream);
  await ours.sendTo(theirs.peerId, "last");
  await data.reach(1);
  assert.deepEqual(data.payloads.map((event) => event.data), ["last"]);
});

test("both send, and our side knows what the other's stream is", async (t) => {
  const { ours, theirs, toTheirs, toOurs } = await mixed(t, true);
  const [mine, yours] = [generatedStream(t, "audio"), generatedStream(t, "video")];
  const [atOurs, atTheirs] = [once(toTheirs, "stream-added"), once(toOurs, "stream-added")];
  ours.addStream(mine, { from: "ours" });
  await atTheirs;
  theirs.addStream(yours, { from: "theirs" });
  assert.deepEqual((await atTheirs).stream.id, mine.id);
  const { stream, metadata } = await atOurs;
  assert.deepEqual([stream.id, metadata], [yours.id, { from: "theirs" }]);
});
