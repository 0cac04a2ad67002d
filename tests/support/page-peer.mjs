// A peer of a page, for tests that play in two pages at once: what it has seen can be asked for from outside.

import { DataChannel, MeteredPeer } from "metered-realtime";
import { access } from "./server.mjs";

/** Joins a room. `window.me` is the peer, its first remote, and lists of what has happened. */
export const enter = async (channel, url) => {
  const peer = new MeteredPeer({ ...(await access()), ...(url && { url }), reconnect: { initialDelayMs: 100, maxDelayMs: 200 } });
  const me = { peer, joined: [], heard: [], data: [], streams: [], native: [], resets: [], left: [], states: [], closes: [] };
  peer.on("data", ({ data, kind }) => me.data.push([kind, data]));
  peer.on("peer-left", (event) => me.left.push(event.peer.id));
  peer.on("peer-joined", ({ peer: remote }) => {
    me.remote ??= remote;
    me.joined.push(remote.id);
    remote.on("connection-reset", () => me.resets.push(remote.id));
    remote.on("state-change", ({ to }) => me.states.push(to));
    remote.on("stream-added", ({ stream, metadata }) => {
      me.streams.push(metadata);
      me.native.push(stream);
    });
    remote.on("data-channel", ({ channel }) => {
      new DataChannel(channel).on("message", ({ data }) => me.heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]));
    });
  });
  window.me = me;
  await peer.join(channel);
  return peer.peerId;
};

/** Opens a channel that lasts to the first remote. */
export const open = (label) => {
  window.me.channel = window.me.remote.openDataChannel(label);
  window.me.channel.on("close", () => window.me.closes.push(label));
};
