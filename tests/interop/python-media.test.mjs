// Tracks and what is said about them, between peers of this package and of the official Python SDK.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { firstPicture, generatedStream, hummingStream } from "../support/media.mjs";
import { pythonPeer } from "../support/python.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, within } from "../support/wait.mjs";

const camera = { role: "camera", label: "front" };

/** One peer of each kind in a room, and how we see theirs. */
const mixed = async (t, { oursFirst = true, ourId = "aaa", theirId = "zzz" } = {}) => {
  const channel = channelName();
  const python = await pythonPeer(t);
  const { url } = await access();
  const joins = [
    () => join(t, channel, { apiKey: undefined, tokenProvider: async () => token({ sub: ourId }) }),
    () => python.join(channel, { url, token: token({ sub: theirId }) }),
  ];
  let ours;
  if (oursFirst) ours = await joins[0]();
  await joins[1]();
  ours ??= await joins[0]();
  return { channel, ours, python, toPython: await remoteOf(ours, theirId) };
};

for (const oursFirst of [true, false]) {
  const order = oursFirst ? "we were there first" : "Python was there first";

  test(`our stream, its tracks and its metadata arrive at Python (${order})`, async (t) => {
    const { ours, python } = await mixed(t, { oursFirst });
    const stream = generatedStream(t, "audio", "video");
    ours.addStream(stream, camera);
    for (const kind of ["audio", "video"]) {
      const { streams, metadata } = await python.saw("track", { peer: ours.peerId, kind });
      assert.deepEqual([streams, metadata], [[stream.id], camera]);
    }
    const { metadata } = await python.saw("stream-added", { peer: ours.peerId, stream: stream.id });
    assert.deepEqual(metadata, camera);
  });

  test(`Python's stream, its tracks and its metadata arrive at us (${order})`, async (t) => {
    const { python, toPython } = await mixed(t, { oursFirst });
    const [tracks, added] = [record(toPython, "track"), record(toPython, "stream-added")];
    const { id } = await python.addStream(["audio", "video"], camera);
    await tracks.reach(2);
    const seen = tracks.payloads.map(({ track, streams, metadata }) => [track.kind, streams[0].id, metadata]);
    assert.deepEqual(seen.sort(), [["audio", id, camera], ["video", id, camera]]);
    assert.deepEqual(added.payloads.map((event) => [event.stream.id, event.metadata]), [[id, camera]]);
  });
}

for (const [ourId, theirId] of [["aaa", "zzz"], ["zzz", "aaa"]]) {
  test(`both send over a connection that has a channel already, and what is sent is heard and seen (we are '${ourId}')`, async (t) => {
    const { ours, python, toPython } = await mixed(t, { ourId, theirId });
    await once(new DataChannel(toPython.createDataChannel("chat")), "open");
    const connection = toPython.pc;

    const mine = hummingStream(t);
    ours.addStream(mine, { from: "ours" });
    const atPython = await python.saw("track", { peer: ourId, kind: "audio" });
    assert.deepEqual([atPython.streams, atPython.metadata], [[mine.id], { from: "ours" }]);
    await python.saw("frame", { peer: ourId, kind: "audio" });

    const arrival = once(toPython, "track");
    const { id } = await python.addStream(["video"], { from: "Python" });
    const { track, streams, metadata } = await arrival;
    assert.deepEqual([track.kind, streams[0].id, metadata], ["video", id, { from: "Python" }]);
    const { width, height } = await within(firstPicture(t, track), "a picture from Python");
    assert.deepEqual([width, height], [640, 480]);
    assert.equal(toPython.pc, connection, "nothing was built anew");
  });
}

test("newcomers get what is being sent, whoever sends", async (t) => {
  const { channel, ours, python } = await mixed(t);
  const mine = generatedStream(t, "video");
  ours.addStream(mine, { from: "ours" });
  const { id } = await python.addStream(["video"], { from: "Python" });
  const newcomer = await join(t, channel);
  await Promise.all([[ours, mine.id, "ours"], [python, id, "Python"]].map(async ([sender, stream, from]) => {
    const event = await once(await remoteOf(newcomer, sender.peerId), "track");
    assert.deepEqual([event.streams[0].id, event.metadata], [stream, { from }]);
  }));
});

// Not the other way round: aiortc lets a track go on that its sender has taken back, as long as the connection is there.
test("we learn that Python has removed its stream", async (t) => {
  const { python, toPython } = await mixed(t);
  const [added, removed] = [once(toPython, "stream-added"), once(toPython, "stream-removed")];
  const { id } = await python.addStream(["audio"], camera);
  const { stream } = await added;
  await python.removeStream(id);
  assert.equal((await removed).stream, stream);
});
