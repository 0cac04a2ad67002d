// Data tracks in a room where peers of the official SDKs are, who do not know them: they notice nothing.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { streamBothWays } from "../support/data-tracks.mjs";
import { officialJoin } from "../support/official.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record } from "../support/wait.mjs";

for (const tracksFirst of [true, false]) {
  test(`a peer of the official SDK sees no data, no channel, no error, and has no connection forced on it (tracks are published ${tracksFirst ? "before" : "after"} it comes)`, async (t) => {
    const channel = channelName();
    const [a, b] = [await join(t, channel), await join(t, channel)];
    if (tracksFirst) a.publishDataTrack({ name: "before" });
    const official = await officialJoin(t, channel);
    const heard = ["data", "error"].map((name) => record(official, name).payloads);
    const remotes = await Promise.all([a, b].map((peer) => remoteOf(official, peer.peerId)));
    for (const remote of remotes) {
      for (const name of ["data-channel", "track", "stream-added", "negotiation-error", "connection-reset", "state-change"]) heard.push(record(remote, name).payloads);
    }
    await streamBothWays(a, b);
    a.publishDataTrack({ name: "another" });
    // What comes after all of it, in order.
    const last = once(official, "data");
    await a.sendTo(official.peerId, "last");
    assert.equal((await last).data, "last");
    assert.deepEqual(heard.flat().map((event) => event.data), ["last"]);
    assert.deepEqual(remotes.map(({ pc, state }) => [pc?.signalingState, pc?.localDescription, pc?.remoteDescription, state]), remotes.map(() => ["stable", null, null, "idle"]));
    assert.equal((await remoteOf(a, official.peerId)).dataTracks.size, 0);

    // And it can be talked to as ever.
    const opened = once(remotes[0], "data-channel");
    const dc = new DataChannel((await remoteOf(a, official.peerId)).createDataChannel("chat"));
    await once(dc, "open");
    assert.equal((await opened).channel.label, "chat");
  });
}
