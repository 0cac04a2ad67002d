// Handlers as programs of the official SDK write them: an arrow function answers whatever its expression does.

import { MeteredPeer } from "metered-realtime";

const seen: unknown[] = [];
const peer = new MeteredPeer({ apiKey: "pk_live_…" });
peer.on("data", ({ data }) => seen.push(data));
peer.on("peer-joined", ({ peer: remote }) => remote.on("data-channel", ({ channel }) => (channel.onmessage = ({ data }) => seen.push(data))));
peer.on("state-change", ({ to }) => to === "joined" && peer.send({ hello: true }));
peer.on("left", async ({ reason }) => reason);
