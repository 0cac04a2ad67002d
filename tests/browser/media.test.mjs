// Sound and pictures between two peers of a page.

import assert from "node:assert/strict";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages({ flags: ["--autoplay-policy=no-user-gesture-required"] });

test("both sides show what the other sends, and each knows what it is", async (t) => {
  const page = await pages.open(t);
  const seen = await page.evaluate(async () => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    const { bothKindsArrive, colourOf, liveStream } = await import("/tests/support/page-media.mjs");
    const t = scope();
    const { a, b, toA, toB } = await pair(t);
    const [ofA, ofB] = [liveStream("red"), liveStream("blue")];
    t.after(ofA.stop);
    t.after(ofB.stop);

    const atB = once(toA, "stream-added");
    a.addStream(ofA.stream, { from: "a" });
    await atB;
    // The answer to this one comes on transceivers that are there, with tracks of other ids.
    const atA = once(toB, "stream-added");
    const firstTrack = once(toB, "track");
    b.addStream(ofB.stream, { from: "b" });
    const seen = [];
    for (const [event, sent, remote] of [[await atB, ofA, toA], [await atA, ofB, toB]]) {
      await bothKindsArrive(remote.pc);
      seen.push([event.metadata, event.stream.id === sent.stream.id, await colourOf(event.stream)]);
    }
    const arrived = await firstTrack;
    const isReused = !ofB.stream.getTracks().some(({ id }) => id === arrived.track.id) && toB.pc.getTransceivers().length === 2;
    await t.end();
    return { seen, isReused };
  });
  assert.deepEqual(seen, {
    seen: [[{ from: "a" }, true, "red"], [{ from: "b" }, true, "blue"]],
    isReused: true,
  });
});

test("both sides add their streams in the same tick", async (t) => {
  const page = await pages.open(t);
  const seen = await page.evaluate(async () => {
    const { openChannel, pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    const { colourOf, liveStream } = await import("/tests/support/page-media.mjs");
    const t = scope();
    const { a, b, toA, toB } = await pair(t);
    // Chromium may never gather for a connection whose very first offer is taken back.
    await openChannel(toB, toA);
    const [ofA, ofB] = [liveStream("red"), liveStream("blue")];
    t.after(ofA.stop);
    t.after(ofB.stop);
    const events = [once(toB, "stream-added"), once(toA, "stream-added")];
    a.addStream(ofA.stream, { from: "a" });
    b.addStream(ofB.stream, { from: "b" });
    const seen = [];
    for (const event of events) {
      const { stream, metadata } = await event;
      seen.push([metadata, await colourOf(stream)]);
    }
    await t.end();
    return seen;
  });
  assert.deepEqual(seen, [[{ from: "b" }, "blue"], [{ from: "a" }, "red"]]);
});

test("a camera and a screen are told apart, a picture is replaced, and a stream that is removed goes", async (t) => {
  const page = await pages.open(t);
  const seen = await page.evaluate(async () => {
    const { pair } = await import("/tests/support/room.mjs");
    const { scope } = await import("/tests/support/scope.mjs");
    const { record, until } = await import("/tests/support/wait.mjs");
    const { colourOf, liveStream } = await import("/tests/support/page-media.mjs");
    const t = scope();
    const { a, toA, toB } = await pair(t);
    const [camera, screen, other] = ["red", "green", "blue"].map(liveStream);
    for (const { stop } of [camera, screen, other]) t.after(stop);
    const [added, removed] = [record(toA, "stream-added"), record(toA, "stream-removed")];
    a.addStream(camera.stream, { role: "camera" });
    a.addStream(screen.stream, { role: "screen" });
    await added.reach(2);
    const seen = [];
    for (const { stream, metadata } of added.payloads) seen.push([metadata.role, await colourOf(stream)]);

    let negotiations = 0;
    toB.pc.addEventListener("negotiationneeded", () => (negotiations += 1));
    const [before] = screen.stream.getVideoTracks();
    const [after] = other.stream.getVideoTracks();
    await a.replaceTrack(before, after);
    await until(async () => await colourOf(added.payloads[1].stream) === "blue", "the other picture");
    seen.push(["replaced", negotiations]);

    a.removeStream(screen.stream);
    await removed.reach(1);
    seen.push(["removed", removed.payloads[0].stream === added.payloads[1].stream, await colourOf(added.payloads[0].stream)]);
    a.removeTrack(camera.stream.getVideoTracks()[0]);
    await until(() => added.payloads[0].stream.getTracks().length === 1);
    a.removeStream(camera.stream);
    await removed.reach(2);
    await t.end();
    return seen;
  });
  assert.deepEqual(seen, [["camera", "red"], ["screen", "green"], ["replaced", 0], ["removed", true, "red"]]);
});

test("who comes later sees everything, and media of a page that leaves goes", async (t) => {
  const [sender, viewer] = [await pages.open(t), await pages.open(t)];
  const channel = `media-${crypto.randomUUID()}`;
  await sender.evaluate(async (channel) => {
    const { access } = await import("/tests/support/server.mjs");
    const { liveStream } = await import("/tests/support/page-media.mjs");
    window.peer = new window.realtime.MeteredPeer(await access());
    window.peer.addStream(liveStream("green").stream, { role: "camera" });
    await window.peer.join(channel);
  }, channel);
  const seen = await viewer.evaluate(async (channel) => {
    const { access } = await import("/tests/support/server.mjs");
    const { once } = await import("/tests/support/wait.mjs");
    const { colourOf } = await import("/tests/support/page-media.mjs");
    const peer = new window.realtime.MeteredPeer(await access());
    const met = once(peer, "peer-joined");
    await peer.join(channel);
    const { peer: remote } = await met;
    const { stream, metadata } = await once(remote, "stream-added");
    window.gone = once(remote, "stream-removed").then((event) => event.stream === stream);
    return [metadata, await colourOf(stream)];
  }, channel);
  assert.deepEqual(seen, [{ role: "camera" }, "green"]);
  await sender.evaluate(() => window.peer.close());
  assert.equal(await viewer.evaluate(() => window.gone), true);
});
