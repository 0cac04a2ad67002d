// Programs for the official SDK that send and receive media; see programs.mjs for what they get.

import { FakeServer } from "../support/fakes.mjs";
import { FakeMediaConnection, FakeStream, FakeTrack, generatedStream } from "../support/media.mjs";
import { once, record, settle, until } from "../support/wait.mjs";

const camera = { role: "camera", label: "front", lens: 35 };

/** Two peers that have met. `agreed` waits until nothing is being negotiated. */
const met = async (ctx) => {
  const [a, b] = [ctx.peer(ctx.as("a")), ctx.peer(ctx.as("b"))];
  await a.join(ctx.channel);
  const [atA, atB] = [once(a, "peer-joined"), once(b, "peer-joined")];
  await b.join(ctx.channel);
  const [{ peer: toB }, { peer: toA }] = await Promise.all([atA, atB]);
  const agreed = () => until(() => [toA, toB].every(({ pc }) => pc.signalingState === "stable"), "an agreement");
  return { a, b, toA, toB, agreed };
};

/** A room at a stand-in of a server, with connections to these remotes that only take notes. */
const scripted = async (ctx, ids) => {
  const server = new FakeServer();
  const connections = [];
  const rtcPeerConnectionFactory = () => connections[connections.push(new FakeMediaConnection()) - 1];
  const peer = ctx.peer({ apiKey: "k", url: "ws://localhost", webSocketFactory: server.factory, rtcPeerConnectionFactory });
  const met = record(peer, "peer-joined");
  await peer.join("room");
  server.socket.receive({ type: "presence", channel: "room", joined: ids.map((peerId) => ({ peerId })), left: [] });
  await met.reach(ids.length);
  return { server, peer, connections };
};

const attempt = (act) => {
  try {
    act();
    return "done";
  } catch (error) {
    return [error instanceof Error, error.name, error.code, error.method, error.currentState];
  }
};

export const media = {
  "a stream arrives track by track, with its metadata, and leaves": async (ctx) => {
    const { a, toA, agreed } = await met(ctx);
    const stream = generatedStream(ctx, "audio", "video");
    const [tracks, added, removed] = ["track", "stream-added", "stream-removed"].map((name) => record(toA, name));
    ctx.seen(a.addStream(stream, camera) ?? null, a.getStreamMetadata(stream), a.getTrackMetadata(stream.getTracks()[1]));
    await tracks.reach(2);
    const plain = ({ track, streams, metadata }) => [track.kind, streams.map(({ id }) => id === stream.id), metadata];
    ctx.seen(tracks.payloads.map(plain), added.payloads.map((event) => [event.stream.id === stream.id, event.metadata]));
    await agreed();
    a.addStream(stream, { role: "ignored" });
    const alone = generatedStream(ctx, "audio").getTracks()[0];
    a.addTrack(alone);
    await tracks.reach(3);
    ctx.seen(plain(tracks.payloads[2]), "metadata" in tracks.payloads[2], added.payloads.length, a.getTrackMetadata(alone) ?? null);
    ctx.seen(a.removeStream(stream) ?? null, a.getStreamMetadata(stream) ?? null, removed.payloads.length);
    await a.close();
  },

  "who comes later gets what is being sent, under the name that it has now": async (ctx) => {
    const { a, toA, agreed } = await met(ctx);
    const stream = generatedStream(ctx, "video");
    const [track] = stream.getTracks();
    const [next] = generatedStream(ctx, "video").getTracks();
    const arrived = once(toA, "track");
    a.addTrack(track, stream, camera);
    await arrived;
    await agreed();
    ctx.seen(await a.replaceTrack(track, next) ?? null, a.getTrackMetadata(track) ?? null, a.getTrackMetadata(next));
    const c = ctx.peer(ctx.as("c"));
    const joined = once(c, "peer-joined", { filter: ({ peer }) => peer.id === a.peerId });
    await c.join(ctx.channel);
    const event = await once((await joined).peer, "track");
    ctx.seen(event.track.id === next.id, event.streams[0].id === stream.id, event.metadata);
    await a.replaceTrack(next, null);
    ctx.seen(a.getTrackMetadata(next) ?? null);
  },

  "a track has one stream, and a room that is left takes none": async (ctx) => {
    const { peer, connections } = await scripted(ctx, ["bob"]);
    const track = new FakeTrack("video");
    const [stream, other] = [new FakeStream(track), new FakeStream(track)];
    ctx.seen(attempt(() => peer.addTrack(track, stream, camera)), attempt(() => peer.addTrack(track, stream)));
    ctx.seen(attempt(() => peer.addTrack(track)).slice(0, 4), attempt(() => peer.addStream(other)).slice(0, 3));
    ctx.seen(connections[0].senders.length, attempt(() => peer.removeTrack(new FakeTrack("audio"))), attempt(() => peer.removeStream(new FakeStream())));
    ctx.seen(attempt(() => peer.addTrack(new FakeTrack("video"), other, { huge: "x".repeat(70_000) })).slice(0, 2));
    ctx.seen(attempt(() => peer.removeTrack(track)), connections[0].senders.length, attempt(() => peer.addTrack(track, other)));
    await peer.close();
    const calls = [() => peer.addTrack(track), () => peer.addStream(stream), () => peer.removeTrack(track), () => peer.removeStream(stream)];
    ctx.seen(calls.map(attempt), await peer.replaceTrack(track, null).catch((error) => [error.name, error.code, error.method]));
  },

  "replaceTrack says for whom it failed": async (ctx) => {
    const { peer, connections } = await scripted(ctx, ["ann", "bob", "eve"]);
    const [track, next] = [new FakeTrack("video"), new FakeTrack("video")];
    peer.addTrack(track, new FakeStream(track), camera);
    await settle();
    const plain = (error) => [
      error instanceof ctx.sdk.MeteredPeerReplaceTrackError, error.name, error.succeeded, error.failed.map(({ peerId, err }) => [peerId, err instanceof Error, err.message]),
    ];
    for (const pc of connections) pc.refuses = () => true;
    ctx.seen(plain(await peer.replaceTrack(track, next).catch((error) => error)), peer.getTrackMetadata(track), peer.getTrackMetadata(next) ?? null);
    for (const at of [0, 2]) connections[at].refuses = () => false;
    ctx.seen(plain(await peer.replaceTrack(track, next).catch((error) => error)), connections.map((pc) => pc.senders[0].track === next));
    ctx.seen(peer.getTrackMetadata(track) ?? null, peer.getTrackMetadata(next));
    ctx.seen(await peer.replaceTrack(null, next).catch((error) => error.name));
  },
};
