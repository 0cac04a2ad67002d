// Peers that meet, and speak with each other as soon as they can. Works in Node and in a page.

import { createChannel, loadSdk } from "./sdks.mjs";

/** Connections that have gathered candidates before anybody needs one. */
const gathered = async (count) => {
  const ready = Array.from({ length: count }, () => new RTCPeerConnection({ iceCandidatePoolSize: 1 }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { rtcPeerConnectionFactory: (config) => ready.pop() ?? new RTCPeerConnection(config) };
};

/**
 * From `join()` on all of so many peers, until each pair has opened a data channel and a byte has come back through it:
 * in milliseconds, as `all`. `joined` is when `join()` had resolved everywhere. With `ahead`, which is for pages, each has its
 * connections before it joins.
 */
export const meet = async (which, access, count, ahead = false) => {
  const { newPeer, DataChannel } = await loadSdk(which, access);
  const channel = `bench-${crypto.randomUUID()}`;
  const peers = await Promise.all(Array.from({ length: count }, async () => newPeer(ahead ? await gathered(count - 1) : undefined)));
  const pairs = (count * (count - 1)) / 2;
  const begin = performance.now();
  let joined;
  const meeting = new Promise((resolve, reject) => {
    let echoes = 0;
    const late = setTimeout(() => reject(new Error(`${which}: ${echoes} of ${pairs} pairs within 30 s`)), 30_000);
    for (const peer of peers) {
      peer.on("peer-joined", ({ peer: remote }) => {
        remote.on("data-channel", (event) => {
          const dc = new DataChannel(event.channel);
          dc.on("message", ({ data }) => dc.send(data).catch(() => {}));
        });
        if (peer.peerId > remote.id) return;
        let heard = false;
        const open = () => {
          const dc = new DataChannel(createChannel(remote, "bench"));
          dc.on("open", () => dc.send("x").catch(() => {}));
          dc.on("message", () => {
            echoes += Number(!heard);
            heard = true;
            if (echoes < pairs) return;
            clearTimeout(late);
            resolve(performance.now() - begin);
          });
        };
        open();
        // A new connection has no channels yet.
        remote.on("connection-reset", () => heard || open());
      });
    }
    Promise.all(peers.map((peer) => peer.join(channel))).then(() => { joined = performance.now() - begin; }, reject);
  });
  try {
    return { all: await meeting, joined };
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
  }
};
