// A program in which the core fails, in the middle of a handler, with everything under way that can be: tells what each of
// those saw whom it concerns, and ends by itself. Its argument has the options and the channel as JSON.

import { failNext } from "./failing-core.mjs";
import { DataChannel, InternalError, MeteredPeer, SignallingClient } from "metered-realtime";
import { FakeChannel, FakeSocket } from "./fakes.mjs";
import { remoteOf } from "./room.mjs";
import { once } from "./wait.mjs";

const { options, channel } = JSON.parse(process.argv[2]);

const clients = {
  a: new MeteredPeer(options),
  b: new MeteredPeer(options),
  connected: new SignallingClient(options),
  connecting: new SignallingClient({ ...options, webSocketFactory: (url) => new FakeSocket(url) }),
  idle: new SignallingClient(options),
};
const { a, b, connected, connecting, idle } = clients;
const seen = {};
for (const [name, client] of Object.entries(clients)) {
  seen[name] = [];
  client.on("error", ({ err }) => seen[name].push(err instanceof InternalError && err.code));
}

const caught = (promise) => promise.then(() => "settled", (error) => error.name);
const thrown = (f) => {
  try {
    return f();
  } catch (error) {
    return error.name;
  }
};

await a.join(channel);
await b.join(channel);
const toA = await remoteOf(b, a.peerId);
const lasting = toA.openDataChannel("chat");
await once(lasting, "open");
const published = once(toA, "data-track-published");
a.publishDataTrack({ name: "pose" });
const stream = (await published).track.subscribe();
await connected.connect();
await connected.subscribe(channel);
const connections = [...a.remotePeers, ...b.remotePeers].map(({ pc }) => pc);

const waiting = { connect: caught(connecting.connect()), read: caught(stream.read()), closed: once(lasting, "close").then(() => lasting.readyState) };
const changes = Object.fromEntries(Object.entries(clients).map(([name, client]) => [name, (async () => {
  const list = [];
  for await (const { from, to } of client.events("state-change")) list.push(`${from} ${to}`);
  return list;
})()]));
const told = once(a, "data").then(() => {});
let publishing;
a.on("data", () => {
  failNext();
  publishing = caught(connected.publish(channel, 2));
});
b.send(1).catch(() => {});
await told;

const mine = new FakeChannel();
mine.open();
console.log(JSON.stringify({
  seen,
  publishing: await publishing,
  connect: await waiting.connect,
  read: await waiting.read,
  lasting: await waiting.closed,
  changes: { a: await changes.a, b: await changes.b, connected: await changes.connected, connecting: await changes.connecting, idle: await changes.idle },
  states: Object.values(clients).map(({ state }) => state),
  remotes: a.remotePeers.length,
  connections: [...new Set(connections.map(({ signalingState }) => signalingState))],
  later: await Promise.all([a.send(1), a.close(), b.sendTo("x", 1), connected.publish(channel, 1), connected.close(), idle.connect()].map(caught)),
  laterThrown: [() => new MeteredPeer(options), () => new SignallingClient(options), () => a.publishDataTrack({ name: "late" }), () => toA.openDataChannel("late")].map(thrown),
  ownChannel: await caught(new DataChannel(mine).send("goes on")),
}));
