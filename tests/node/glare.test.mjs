// Both sides offer at the same moment. The native library here knows no implicit rollback, so that the polite
// side must roll back by itself; whoever watches `setLocalDescription` sees it do so.

import assert from "node:assert/strict";
import wrtc from "@roamhq/wrtc";
import { DataChannel } from "metered-realtime";
import { pair } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { once, record, until } from "../support/wait.mjs";

const ROUNDS = 30;

/** Makes connections that count the rollbacks that are asked of them. */
const counting = () => {
  const counts = { rollbacks: 0 };
  const rtcPeerConnectionFactory = (config) => {
    const pc = new wrtc.RTCPeerConnection(config);
    const set = pc.setLocalDescription.bind(pc);
    pc.setLocalDescription = (description) => {
      if (description.type === "rollback") counts.rollbacks += 1;
      return set(description);
    };
    return pc;
  };
  return { counts, rtcPeerConnectionFactory };
};

/** Sends a greeting through a channel of one side, and resolves when it is heard on the other. */
const greets = async (remote, back, label) => {
  const arrived = once(back, "data-channel", { filter: ({ channel }) => channel.label === label });
  const ours = new DataChannel(remote.createDataChannel(label));
  const opened = once(ours, "open");
  const theirs = new DataChannel((await arrived).channel);
  const heard = once(theirs, "message");
  await opened;
  await ours.send(label);
  assert.equal((await heard).data, label);
};

const total = { rollbacks: 0 };

for (let batch = 0; batch < ROUNDS / 5; batch += 1) {
  test(`five pairs whose sides open a channel in the same tick all get both channels (${batch + 1})`, async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const { counts, rtcPeerConnectionFactory } = counting();
      const { a, b, toA, toB } = await pair(t, { rtcPeerConnectionFactory });
      const errors = [record(toA, "negotiation-error"), record(toB, "negotiation-error"), record(toA, "ice-candidate-error")];
      await Promise.all([greets(toB, toA, "from a"), greets(toA, toB, "from b")]);
      assert.deepEqual(errors.flatMap(({ payloads }) => payloads), []);
      total.rollbacks += counts.rollbacks;
      await Promise.all([a.close(), b.close()]);
    }
  });
}

test("those rounds went through explicit rollbacks", () => {
  assert.ok(total.rollbacks > 0, "no round rolled back: the sides did not collide");
});

const ufrag = (pc) => pc.localDescription.sdp.match(/a=ice-ufrag:(\S+)/)[1];

test("one connection survives glare after glare", async (t) => {
  const { counts, rtcPeerConnectionFactory } = counting();
  const { toA, toB } = await pair(t, { rtcPeerConnectionFactory });
  await greets(toB, toA, "before");
  const connections = [toA.pc, toB.pc];
  for (let round = 1; round <= 10; round += 1) {
    const before = connections.map(ufrag);
    for (const pc of connections) pc.restartIce();
    await until(() => connections.every((pc, i) => pc.signalingState === "stable" && ufrag(pc) !== before[i]), `both restarted (round ${round})`);
  }
  assert.deepEqual([toA.pc, toB.pc], connections, "no connection was replaced");
  assert.ok(counts.rollbacks > 0);
  await greets(toA, toB, "after all");
});
