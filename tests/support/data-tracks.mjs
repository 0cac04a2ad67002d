// Data tracks between the peers of a room. Works in Node and in a page.

import { pair, remoteOf } from "./room.mjs";
import { once, until } from "./wait.mjs";

/** A track of a remote, as soon as it is known. */
export const trackOf = async (remote, name = "telemetry") =>
  remote.dataTracks.get(name)
  ?? (await once(remote, "data-track-published", { filter: ({ track }) => track.info.name === name })).track;

/** Resolves when so many others have subscribed to a track of ours. */
export const subscribers = (local, count) => until(() => local.stats.subscribers === count, `${count} subscribers`);

/** Resolves when all that `peer` has said of tracks has reached the other, to whom it is `remote`: this arrives in order. */
export const caughtUp = async (peer, remote) => {
  const { name } = peer.publishDataTrack({ name: crypto.randomUUID() }).info;
  await trackOf(remote, name);
};

/** Two peers, of whom `a` publishes a track that `b` knows of. */
export const publishing = async (t, { name = "telemetry", usesE2ee = false, options, otherOptions } = {}) => {
  const peers = await pair(t, options, otherOptions);
  const local = peers.a.publishDataTrack({ name, usesE2ee });
  return { ...peers, local, remote: await trackOf(peers.toA, name) };
};

/** The same, and a stream of the track that frames come to from now on. */
export const streaming = async (t, { bufferSize, ...settings } = {}) => {
  const all = await publishing(t, settings);
  const stream = all.remote.subscribe({ bufferSize });
  await subscribers(all.local, 1);
  return { ...all, stream };
};

/** So many bytes that tell if one of them is missing or in another's place. */
export const bytes = (length, seed = 0) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed) & 255);

export const text = (value) => new TextEncoder().encode(value);
export const textOf = ({ payload }) => new TextDecoder().decode(payload);

/** The frames of a stream from now on, until it ends: `failure` is what it ends with, if it is an error. */
export const collect = (stream) => {
  const frames = [];
  const collected = { frames, reach: (count) => until(() => frames.length >= count, `${count} frames`) };
  collected.end = (async () => {
    try {
      for await (const frame of stream) frames.push(frame);
    } catch (error) {
      collected.failure = error;
    }
  })();
  return collected;
};

/**
 * Pushes a frame, and again each second until `arrived()` answers true. Frames are best effort: one of a mebibyte travels
 * in a thousand datagrams, of which even the loopback of a busy machine loses one now and then.
 */
export const insist = async (local, frame, arrived) => {
  do local.tryPush(frame);
  while (!(await until(arrived, "", 1_000).catch(() => false)));
};

/** Two peers in a room stream to each other, both ways, a hundred frames. */
export const streamBothWays = async (a, b) => {
  for (const [publisher, reader] of [[a, b], [b, a]]) {
    const local = publisher.publishDataTrack({ name: "telemetry" });
    const stream = (await trackOf(await remoteOf(reader, publisher.peerId))).subscribe({ bufferSize: 100 });
    await subscribers(local, 1);
    const collected = collect(stream);
    for (let n = 0; n < 100; n += 1) {
      local.tryPush({ payload: text(`${n}`) });
      await collected.reach(n + 1);
    }
    const said = collected.frames.map(textOf).join();
    if (said !== Array.from({ length: 100 }, (_, n) => n).join()) throw new Error(`not the frames that were pushed: ${said}`);
  }
};
