// Peers that meet, and speak with each other as soon as they can. Works in Node and in a page.

import { createChannel, loadSdk } from "./sdks.mjs";

/** Connections that have gathered candidates before anybody needs one. For pages. */
const gathered = async (count) => {
  const ready = Array.from({ length: count }, () => new RTCPeerConnection({ iceCandidatePoolSize: 1 }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { rtcPeerConnectionFactory: (config) => ready.pop() ?? new RTCPeerConnection(config) };
};

/**
 * So many peers that have not joined yet. `echoed` is called once for each pair, by the peer whose id is the smaller one, as soon
 * as it has opened a data channel and a byte has come back through it. `optionsOf` makes more options for
 * each of them.
 */
export const gather = async (which, access, count, echoed, optionsOf) => {
  const { newPeer, DataChannel } = await loadSdk(which, access);
  const peers = await Promise.all(Array.from({ length: count }, async () => newPeer(await optionsOf?.())));
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
          if (!heard) echoed();
          heard = true;
        });
      };
      open();
      // A new connection has no channels yet.
      remote.on("connection-reset", () => heard || open());
    });
  }
  return {
    join: (channel) => Promise.all(peers.map((peer) => peer.join(channel))),
    close: () => Promise.all(peers.map((peer) => peer.close())),
  };
};

/**
 * How long it takes, in milliseconds, from `join` until every pair of so many peers has called `echoed`. `prepare` is given
 * `echoed` and answers `join` and `close`.
 */
export const timed = async (which, count, prepare) => {
  const pairs = (count * (count - 1)) / 2;
  let echoes = 0;
  let begin;
  let done;
  const { join, close } = await prepare(() => {
    echoes += 1;
    if (echoes === pairs) done(performance.now() - begin);
  });
  try {
    return await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${which}: ${echoes} of ${pairs} pairs within 30 s`)), 30_000);
      done = (ms) => {
        clearTimeout(late);
        resolve(ms);
      };
      begin = performance.now();
      join(`bench-${crypto.randomUUID()}`).catch(reject);
    });
  } finally {
    await close();
  }
};

/** A room of so many peers, all of them here. With `ahead`, which is for pages, each has its connections before it joins. */
export const meet = (which, access, count, ahead = false) =>
  timed(which, count, (echoed) => gather(which, access, count, echoed, ahead ? () => gathered(count - 1) : undefined));
