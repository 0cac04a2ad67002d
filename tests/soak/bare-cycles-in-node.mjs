// Pairs of bare connections of `@roamhq/wrtc` that connect, talk and close, and channels of one pair that do, while the
// garbage is collected on command: what the library does by itself, without anything of ours. Run it by hand to tell a
// native crash from one that we cause: `node tests/soak/bare-cycles-in-node.mjs [pairs] [channels] [at a time]`.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import wrtc from "@roamhq/wrtc";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const [pairs = 1_000, channels = 10_000, width = 5] = process.argv.slice(2).map(Number);

const happens = (target, type) => new Promise((resolve) => {
  target.addEventListener(type, resolve, { once: true });
});

/** Channels that are not to be collected, which otherwise happens to some that only wait for an event. */
const held = new Set();

/** A channel that opens, carries a message there and back, and closes. */
const talk = async (connection) => {
  const channel = connection.createDataChannel("cycle");
  held.add(channel);
  // On a connection that is connected it opens at once, and does not say so.
  if (channel.readyState !== "open") await happens(channel, "open");
  const echo = happens(channel, "message");
  channel.send("x");
  await echo;
  const closed = happens(channel, "close");
  channel.close();
  await closed;
  held.delete(channel);
};

/** Two connections that have talked. */
const connected = async () => {
  const [a, b] = [new wrtc.RTCPeerConnection(), new wrtc.RTCPeerConnection()];
  for (const [from, to] of [[a, b], [b, a]]) {
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {});
  }
  b.ondatachannel = ({ channel }) => {
    held.add(channel);
    channel.onmessage = ({ data }) => channel.send(data);
    channel.onclose = () => held.delete(channel);
  };
  const first = talk(a);
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  await first;
  return [a, b];
};

const collect = async () => {
  for (let i = 0; i < 4; i += 1) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** Does something so many times, `width` at a time. */
const repeat = async (times, cycle) => {
  for (let done = 0; done < times; done += width) {
    await Promise.all(Array.from({ length: width }, cycle));
    if (done % (10 * width) === 0) await collect();
  }
};

const close = (connections) => connections.forEach((connection) => connection.close());

await repeat(pairs, async () => close(await connected()));
process.stdout.write(`${pairs} pairs\n`);
const pair = await connected();
await repeat(channels, () => talk(pair[0]));
close(pair);
await collect();
process.stdout.write(`${channels} channels\n`);
process.exit();
