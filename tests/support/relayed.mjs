// Two peers that reach each other through a TURN server and in no other way. Works in Node and in a page.

import { DataChannel } from "metered-realtime";
import { pair } from "./room.mjs";
import { once, record, until } from "./wait.mjs";

/** ICE finds out in 15 s to 30 s that nothing comes through any more; after that a restart takes another moment. */
const PATIENCE_MS = 60_000;

/**
 * The options of a peer that only relays. `mint` makes a token for a peer id, with ICE servers in it.
 */
export const relayOnly = ({ url, mint, newConnection }) => {
  const id = `relayed-${crypto.randomUUID()}`;
  return {
    url,
    apiKey: undefined,
    tokenProvider: () => mint(id),
    reconnect: { initialDelayMs: 30, maxDelayMs: 100 },
    rtcPeerConnectionFactory: (config) => newConnection({ ...config, iceTransportPolicy: "relay" }),
  };
};

/** Two such peers, and a lasting channel from a to b with what arrived through it. */
const relayed = async (t, world) => {
  const met = await pair(t, relayOnly(world), relayOnly(world));
  const arrived = [];
  met.toA.on("data-channel", ({ channel }) => new DataChannel(channel).on("message", ({ data }) => arrived.push(data)));
  const channel = met.toB.openDataChannel("chat");
  await once(channel, "open");
  // The channel may be open before the connection says that it is connected.
  await until(() => [met.toA, met.toB].every(({ state }) => state === "connected"), "both are connected");
  return { ...met, channel, arrived };
};

/** Sends a message through the relay and back; answers what both ends say about the way. */
export const talkThroughRelay = async (t, world) => {
  const { toA, toB, channel, arrived } = await relayed(t, world);
  await channel.send("through the relay");
  await until(() => arrived.length === 1);
  const stats = await Promise.all([toA, toB].map((remote) => remote.getStats()));
  return { arrived, routes: stats.map(({ route, localCandidateType }) => [route, localCandidateType]) };
};

/** Takes the relay away for a while under a channel that is in use. */
export const loseRelay = async (t, world) => {
  const { a, b, toA, toB, channel, arrived } = await relayed(t, world);
  const connections = [toA.pc, toB.pc];
  const states = [toA, toB].map((remote) => record(remote, "state-change"));
  const closes = record(channel, "close");
  const away = [toA, toB].map((remote) =>
    once(remote, "state-change", { filter: ({ to }) => to === "reconnecting", timeout: PATIENCE_MS }));
  let sent = 0;
  const send = () => channel.send(`${sent++}`);

  await send();
  await until(() => arrived.length === 1);
  await world.killRelay();
  for (let n = 0; n < 10; n += 1) await send();
  await Promise.all(away);
  for (let n = 0; n < 10; n += 1) await send();
  await world.startRelay();
  await until(() => [toA, toB].every(({ state }) => state === "connected"), "both are connected again", PATIENCE_MS);
  for (let n = 0; n < 10; n += 1) await send();
  await until(() => arrived.length >= sent, "everything has arrived", PATIENCE_MS);

  const { route } = await toB.getStats();
  return {
    arrived,
    states: states.map(({ payloads }) => payloads.map(({ to }) => to)),
    isSame: a.remotePeers[0] === toB && b.remotePeers[0] === toA && toA.pc === connections[0] && toB.pc === connections[1],
    closes: closes.payloads.length,
    route,
  };
};

/** What `loseRelay` answers where all is well. */
export const LOST_AND_FOUND = {
  arrived: Array.from({ length: 31 }, (_, n) => `${n}`),
  states: [["reconnecting", "connected"], ["reconnecting", "connected"]],
  isSame: true,
  closes: 0,
  route: "relay",
};

/** Resolves when a connection has looked for relays and found none. */
export const findsNoRelay = async (pc) => {
  await until(() => pc.iceGatheringState === "complete", "it has looked for relays");
  if (pc.localDescription.sdp.includes("a=candidate")) throw new Error("there was a relay");
};
