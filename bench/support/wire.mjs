// Connections with one channel for each way to use it. Works in Node and in a page.
//
// Each way has connections of its own, made alike, so that none inherits what another has sent. All but simple-peer, which
// makes its own, are wrapped around the platform's channel.

import * as official from "@metered-ca/realtime";
import * as ours from "metered-realtime";
import SimplePeer from "simple-peer";

const inNode = globalThis.process !== undefined;
const platform = inNode ? (await import("@roamhq/wrtc")).default : globalThis;

const HIGH_WATER = 1024 * 1024;

/** The two ends of a channel of the platform. */
const bare = async () => {
  const [a, b] = [new platform.RTCPeerConnection(), new platform.RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => candidate && a.addIceCandidate(candidate);
  const ends = [a, b].map((pc) => pc.createDataChannel("bench", { negotiated: true, id: 1 }));
  const opened = ends.map((end) => new Promise((resolve) => { end.onopen = resolve; }));
  const offer = await a.createOffer();
  await a.setLocalDescription(offer);
  await b.setRemoteDescription(offer);
  const answer = await b.createAnswer();
  await b.setLocalDescription(answer);
  await a.setRemoteDescription(answer);
  await Promise.all(opened);
  for (const end of ends) end.binaryType = "arraybuffer";
  return { ends, close: () => [a, b].forEach((pc) => pc.close()) };
};

/** Waits until a bare channel has room, by the event where there is one. */
const room = (end) => new Promise((resolve) => {
  if (!("onbufferedamountlow" in end)) return void setTimeout(resolve, 4);
  end.bufferedAmountLowThreshold = HIGH_WATER / 2;
  end.onbufferedamountlow = resolve;
});

/** Both ends as objects with `send`, which may answer a promise, and `listen`. */
const makers = {
  raw: async () => {
    const { ends, close } = await bare();
    const wrap = (end) => ({
      send: (data) => {
        if (end.bufferedAmount + data.length <= HIGH_WATER) return end.send(data);
        return (async () => {
          while (end.bufferedAmount + data.length > HIGH_WATER) await room(end);
          end.send(data);
        })();
      },
      listen: (handler) => { end.onmessage = handler; },
    });
    return { ends: ends.map(wrap), close };
  },
  "simple-peer": async () => {
    const wrtc = inNode ? platform : undefined;
    const peers = [true, false].map((initiator) => new SimplePeer({ initiator, wrtc }));
    peers.forEach((peer, at) => peer.on("signal", (data) => peers[1 - at].signal(data)));
    await Promise.all(peers.map((peer) => new Promise((resolve) => { peer.on("connect", resolve); })));
    const wrap = (peer) => ({
      // It is a stream: its own backpressure is `write()`.
      send: (data) => (peer.write(data) ? undefined : new Promise((resolve) => { peer.once("drain", resolve); })),
      listen: (handler) => peer.removeAllListeners("data").on("data", handler),
    });
    return { ends: peers.map(wrap), close: () => peers.forEach((peer) => peer.destroy()) };
  },
};
for (const [name, { DataChannel }] of Object.entries({ ours, official })) {
  makers[name] = async () => {
    const { ends, close } = await bare();
    const wrap = (end) => {
      const dc = new DataChannel(end);
      let current;
      dc.on("message", (event) => current(event));
      return { send: (data) => dc.send(data), listen: (handler) => { current = handler; } };
    };
    return { ends: ends.map(wrap), close };
  };
}

/** How many connections a way has: one stays faster than another made alike, by a fifth and more, as long as it lives. */
const CONNECTIONS = 4;
const pairs = new Map(Object.keys(makers).map((name) => [name, []]));

/** Makes all connections. */
export const connect = async () => {
  for (let i = 0; i < CONNECTIONS; i += 1) {
    for (const [name, make] of Object.entries(makers)) pairs.get(name).push(await make());
  }
};

export const disconnect = () => {
  for (const made of pairs.values()) {
    for (const { close } of made.splice(0)) close();
  }
};

/** Both ends of any connection of a way. */
const endsOf = (which) => pairs.get(which)[Math.floor(Math.random() * CONNECTIONS)].ends;

/** Sends so many messages and waits until they have arrived; answers how many a second that were. */
export const transfer = async (which, length, count) => {
  const [near, far] = endsOf(which);
  const payload = new Uint8Array(length);
  let bytes = 0;
  const done = new Promise((resolve) => {
    // A stream may cut messages otherwise than they were sent.
    far.listen((event) => {
      const data = event.data ?? event;
      bytes += data.byteLength ?? data.length;
      if (bytes === count * length) resolve();
    });
  });
  const begin = performance.now();
  for (let i = 0; i < count; i += 1) await near.send(payload);
  await done;
  return count / ((performance.now() - begin) / 1_000);
};

/** Sends a message whenever the last one has come back; answers how many a second that were. */
export const pingPong = async (which, length, count) => {
  const [near, far] = endsOf(which);
  const payload = new Uint8Array(length);
  far.listen(() => void far.send(payload));
  const begin = performance.now();
  await new Promise((resolve) => {
    let left = count;
    near.listen(() => {
      left -= 1;
      if (left === 0) resolve();
      else near.send(payload);
    });
    near.send(payload);
  });
  return count / ((performance.now() - begin) / 1_000);
};
