// The least that a fan-out server in Node with `ws` can be, for comparison: it speaks as much of the protocol as the load
// does, to clients that it trusts. No sessions, no presence, no permissions, no limits.
//
//   node bench/server/ws-fanout.mjs
//
// Prints the address that it listens on.

import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";

const channels = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

server.on("listening", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

server.on("connection", (socket) => {
  const peerId = randomUUID();
  socket.send(JSON.stringify({ type: "welcome", peerId }));
  socket.on("message", (bytes) => {
    const { type, channel, data, requestId } = JSON.parse(bytes);
    const subscribers = channels.get(channel) ?? new Set();
    channels.set(channel, subscribers);
    if (type === "subscribe") {
      subscribers.add(socket);
      socket.once("close", () => subscribers.delete(socket));
    }
    if (requestId !== undefined) socket.send(JSON.stringify({ type: "ack", requestId }));
    if (type === "publish") {
      const message = Buffer.from(JSON.stringify({ type: "message", channel, from: peerId, data }));
      for (const subscriber of subscribers) {
        if (subscriber !== socket) subscriber.send(message, { binary: false });
      }
    }
  });
});
