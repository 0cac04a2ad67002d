// A peer in Node that keeps a ledger and answers whoever started it.

import wrtc from "@roamhq/wrtc";
import { WebSocket } from "ws";
import { glance, keepLedger, leap } from "../support/ledger.mjs";
import { fresh } from "../support/token.mjs";

const { room, options: { relayOnly, mint, ...options } } = JSON.parse(process.argv[2]);
const me = await keepLedger(room, {
  ...options,
  tokenProvider: () => fresh(mint),
  // The certificate of a server that lives as long as a test is nobody's to check.
  webSocketFactory: (url) => new WebSocket(url, { rejectUnauthorized: false }),
  rtcPeerConnectionFactory: (config) => new wrtc.RTCPeerConnection({ ...config, iceTransportPolicy: relayOnly ? "relay" : "all" }),
});
const answers = { glance: () => glance(me), stop: () => me.stop(), ledger: () => me.ledger, leap, now: () => Date.now() };
process.on("message", ({ id, what }) => process.send({ id, value: answers[what]() ?? null }));
process.send("joined");
