// Peers that meet in a channel of their own. Works in Node and in a page.

import { DataChannel, MeteredPeer, SignallingClient } from "metered-realtime";
import { access } from "./server.mjs";
import { once } from "./wait.mjs";

/** A channel name that nobody else uses. */
export const channelName = () => `test-${crypto.randomUUID()}`;

/** A client that is closed when the test ends. */
export const newClient = async (t, options) => {
  const client = new SignallingClient({ ...(await access()), ...options });
  t.after(() => client.close());
  return client;
};

/** A connected client that is closed when the test ends. */
export const connect = async (t, options) => {
  const client = await newClient(t, options);
  await client.connect();
  return client;
};

/** A peer that is closed when the test ends. */
export const newPeer = async (t, options) => {
  const peer = new MeteredPeer({ ...(await access()), ...options });
  t.after(() => peer.close());
  return peer;
};

/** A peer in a channel, closed when the test ends. */
export const join = async (t, channel, options) => {
  const peer = await newPeer(t, options);
  await peer.join(channel);
  return peer;
};

/** The remote with an id, as soon as it is there. */
export const remoteOf = async (peer, id) =>
  peer.remotePeers.find((remote) => remote.id === id)
  ?? (await once(peer, "peer-joined", { filter: (event) => event.peer.id === id })).peer;

/** Two peers in one channel: each, and how each sees the other. */
export const pair = async (t, options, otherOptions = options) => {
  const channel = channelName();
  const a = await join(t, channel, options);
  const b = await join(t, channel, otherOptions);
  const [toB, toA] = await Promise.all([remoteOf(a, b.peerId), remoteOf(b, a.peerId)]);
  return { channel, a, b, toA, toB };
};

/** An open data channel between two remotes of each other: our end and theirs. */
export const openChannel = async (toThem, toUs, { label = "chat", init, options } = {}) => {
  const arrival = once(toUs, "data-channel", { filter: ({ channel }) => channel.label === label });
  const ours = new DataChannel(toThem.createDataChannel(label, init), options);
  const opened = once(ours, "open");
  const theirs = new DataChannel((await arrival).channel);
  if (theirs.readyState !== "open") await once(theirs, "open");
  await opened;
  return { ours, theirs };
};
