// Pairs of bare connections of `@roamhq/wrtc` that connect, talk and close while the garbage is collected on command: what
// the library does by itself, without anything of ours. Run it by hand to tell a native crash from one that we cause:
// `node tests/soak/bare-cycles-in-node.mjs [pairs] [at a time]`.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import wrtc from "@roamhq/wrtc";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const [pairs = 1_000, width = 5] = process.argv.slice(2).map(Number);

const happens = (target, type) => new Promise((resolve) => {
  target.addEventListener(type, resolve, { once: true });
});

const cycle = async () => {
  const [a, b] = [new wrtc.RTCPeerConnection(), new wrtc.RTCPeerConnection()];
  for (const [from, to] of [[a, b], [b, a]]) {
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {});
  }
  b.ondatachannel = ({ channel }) => {
    channel.onmessage = ({ data }) => channel.send(data);
  };
  const channel = a.createDataChannel("cycle");
  const open = happens(channel, "open");
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  await open;
  const echo = happens(channel, "message");
  channel.send("x");
  await echo;
  const closed = happens(channel, "close");
  channel.close();
  await closed;
  a.close();
  b.close();
};

for (let done = 0; done < pairs; done += width) {
  await Promise.all(Array.from({ length: width }, cycle));
  if (done % (10 * width) !== 0) continue;
  for (let i = 0; i < 4; i += 1) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
process.stdout.write(`${pairs} pairs\n`);
process.exit();
