// Payloads by way of the server, to the room and to one peer.

import assert from "node:assert/strict";
import { channelName, connect, join, newPeer, pair, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record } from "../support/wait.mjs";

test("send reaches everybody else as a broadcast", async (t) => {
  const channel = channelName();
  const a = await join(t, channel);
  const others = [await join(t, channel), await join(t, channel)];
  // Only a peer of the room is heard: wait until both know the sender.
  const heard = others.map((other) => once(other, "data"));
  await Promise.all(others.map((other) => remoteOf(other, a.peerId)));
  const own = record(a, "data");
  await a.send({ n: [1, null] });
  for (const data of heard) assert.deepEqual(await data, { senderPeerId: a.peerId, data: { n: [1, null] }, kind: "broadcast" });
  assert.deepEqual(own.payloads, []);
});

test("sendTo and remote.send reach one peer, as direct", async (t) => {
  const { a, b, toB, channel } = await pair(t);
  const bystander = await join(t, channel);
  const overheard = record(bystander, "data");
  const data = record(b, "data");
  await a.sendTo(b.peerId, "one");
  await toB.send("two");
  await data.reach(2);
  assert.deepEqual(data.payloads, ["one", "two"].map((text) => ({ senderPeerId: a.peerId, data: text, kind: "direct" })));
  assert.deepEqual(overheard.payloads, []);
});

test("the payload null arrives as null", async (t) => {
  const { a, b } = await pair(t);
  const data = record(b, "data");
  await a.send(null);
  await a.sendTo(b.peerId, null);
  await data.reach(2);
  assert.deepEqual(data.payloads.map((event) => event.data), [null, null]);
});

test("broadcasts carry the sender's metadata for those who asked when they joined", async (t) => {
  const channel = channelName();
  const plain = await join(t, channel);
  const curious = await newPeer(t);
  await curious.join(channel, { includeSenderMetadata: true });

  const tokenProvider = () => token({ sub: "ada", peerMetadata: { name: "Ada" } });
  const sender = await join(t, channel, { apiKey: undefined, tokenProvider });
  await Promise.all([remoteOf(plain, "ada"), remoteOf(curious, "ada")]);
  const [without, withMetadata] = [once(plain, "data"), once(curious, "data")];
  await sender.send("hi");
  assert.ok(!("senderMetadata" in (await without)));
  assert.deepEqual((await withMetadata).senderMetadata, { name: "Ada" });
});

test("somebody who is not in the room is not heard in it", async (t) => {
  const { a, b } = await pair(t);
  const data = record(b, "data");
  const stranger = await connect(t);
  await stranger.send(b.peerId, "from outside");
  await stranger.publish(b.channel, "from outside");
  await a.sendTo(b.peerId, "from inside");
  await data.reach(1);
  assert.deepEqual(data.payloads.map((event) => event.data), ["from inside"]);
});

test("what looks like a signal but is none stays away from the application, or reaches it as data", async (t) => {
  const { a, b } = await pair(t);
  const data = record(b, "data");
  await a.sendTo(b.peerId, { type: "rtc-description" });
  await a.sendTo(b.peerId, { type: "rtc-something-else", x: 1 });
  await a.sendTo(b.peerId, "end");
  await data.reach(2);
  assert.deepEqual(data.payloads.map((event) => event.data), [{ type: "rtc-something-else", x: 1 }, "end"]);
});
