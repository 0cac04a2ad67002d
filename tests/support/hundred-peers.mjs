// What a hundred peers of one room hold in memory, on fakes: it shows what is the package's, since a platform's
// connection is larger than all of that.

import { FakeConnection, FakeServer } from "./fakes.mjs";
import { until } from "./wait.mjs";

const COUNT = 100;

/** A hundred remotes of one peer, each with a data channel that is open. Answers the peer, to be closed. */
export const hundredRemotes = async ({ MeteredPeer, DataChannel }) => {
  const server = new FakeServer();
  server.roster = Array.from({ length: COUNT }, (_, n) => ({ peerId: `remote-${n}`, metadata: { name: `Remote ${n}` } }));
  const peer = new MeteredPeer({
    apiKey: "k", url: "ws://localhost",
    webSocketFactory: server.factory,
    rtcPeerConnectionFactory: () => new FakeConnection(),
  });
  await peer.join("room");
  await until(() => peer.remotePeers.length === COUNT, "the remotes");
  for (const remote of peer.remotePeers) {
    new DataChannel(remote.createDataChannel("chat")).on("message", () => {});
    remote.pc.connect();
  }
  // The offers leave at a pace; the connections are up without them.
  await until(() => peer.remotePeers.every(({ state }) => state === "connected"), "the connections");
  return peer;
};

/** What stays after a first peer has come and gone, and what a hundred remotes add to it, in bytes. */
export const memoryOfHundred = async (realtime, { collect, wasmBytes, heapBytes }) => {
  await (await hundredRemotes(realtime)).close();
  await collect();
  const before = { wasm: wasmBytes(), heap: heapBytes() };
  const peer = await hundredRemotes(realtime);
  await collect();
  const result = { wasm: wasmBytes(), heap: heapBytes() - before.heap };
  await peer.close();
  return result;
};
