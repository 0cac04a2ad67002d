// Two peers in one process that agree on their channels beforehand: each opens the same two by number, so there is no
// `data-channel` event, and nobody has to sort channels by their labels. One carries what must arrive; the other what is
// only worth something while it is new.
//
//   METERED_KEY=pk_live_… node examples/negotiated-channels.mjs
//   METERED_KEY=pk_live_dev METERED_URL=ws://localhost:9292 node examples/negotiated-channels.mjs
//
// Prints what each side got and exits with 0; with 1 when that takes longer than 30 s.

import { MeteredPeer } from "metered-realtime";

const CHANNEL = "metered-realtime-negotiated";
const TIMEOUT_MS = 30_000;

// What both sides must agree on: the ids, and how reliable each channel is. 1021 and 1022 belong to data tracks.
const CHAT = { label: "chat", options: { negotiated: true, id: 0 } };
const POSITIONS = { label: "positions", options: { negotiated: true, id: 1, ordered: false, maxRetransmits: 0 } };

const apiKey = process.env.METERED_KEY;
if (!apiKey) {
  console.error("Set METERED_KEY=pk_live_... (a publishable key).");
  process.exit(2);
}
const options = { apiKey, ...(process.env.METERED_URL && { url: process.env.METERED_URL }) };

/** A peer that talks to the first one it meets. `heard` is what came from there by both channels. */
function start(name) {
  const peer = new MeteredPeer(options);
  const heard = new Promise((resolve, reject) => {
    peer.on("error", ({ err }) => reject(err));
    peer.once("peer-joined", ({ peer: remote }) => {
      const open = ({ label, options: init }) => remote.openDataChannel(label, init);
      const chat = open(CHAT);
      const positions = open(POSITIONS);
      let text;
      let position;
      const done = () => text !== undefined && position !== undefined && resolve({ text, position });
      chat.on("message", ({ data }) => {
        text = data;
        done();
      });
      positions.on("message", ({ data }) => {
        position = [...new Float32Array(data)];
        done();
      });
      chat.on("open", () => chat.send(`I am ${name}`).catch(reject));
      // A position that is lost or finds a full buffer is not worth a second thought: the next one comes.
      const timer = setInterval(() => positions.readyState === "open" && positions.trySend(Float32Array.of(1, 2)), 20);
      positions.on("close", () => positions.readyState === "closed" && clearInterval(timer));
    });
  });
  return { peer, heard };
}

async function main() {
  const peers = [start("Ann"), start("Bob")];
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  });
  try {
    const work = async () => {
      await Promise.all(peers.map(({ peer }) => peer.join(CHANNEL)));
      return Promise.all(peers.map(({ heard }) => heard));
    };
    const [ann, bob] = await Promise.race([timeout, work()]);
    console.log(`OK — Ann got ${JSON.stringify(ann)}, Bob got ${JSON.stringify(bob)}`);
    return 0;
  } catch (error) {
    console.error(`FAILED — ${error.message}`);
    return 1;
  } finally {
    clearTimeout(timer);
    await Promise.all(peers.map(({ peer }) => peer.close()));
  }
}

process.exitCode = await main();
