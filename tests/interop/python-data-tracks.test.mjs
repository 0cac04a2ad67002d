// Data tracks in a room where a peer of the official Python SDK is, which does not know them: it notices nothing.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { streamBothWays } from "../support/data-tracks.mjs";
import { pythonJoin } from "../support/python.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once } from "../support/wait.mjs";

test("a Python peer sees no data, no channel, no error, and has no connection forced on it", async (t) => {
  const channel = channelName();
  const [a, b] = [await join(t, channel), await join(t, channel)];
  a.publishDataTrack({ name: "before" });
  const python = await pythonJoin(t, channel);
  for (const { peerId } of [a, b]) await python.saw("peer-joined", { peer: peerId });
  await streamBothWays(a, b);
  a.publishDataTrack({ name: "another" });
  // What comes after all of it, in order.
  await a.sendTo(python.peerId, "last");
  await python.saw("data", { data: "last" });
  const noticed = python.events.filter(({ event }) => !["ready", "state-change", "peer-joined"].includes(event));
  assert.deepEqual(noticed.map(({ event, data }) => [event, data]), [["data", "last"]]);

  // And it can be talked to as ever.
  const dc = new DataChannel((await remoteOf(a, python.peerId)).createDataChannel("chat"));
  await once(dc, "open");
  await python.saw("data-channel", { peer: a.peerId, label: "chat" });
});
