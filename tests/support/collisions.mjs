// Pairs whose sides offer in the same tick. For a page.

import { DataChannel } from "metered-realtime";
import { pair } from "./room.mjs";
import { scope } from "./scope.mjs";
import { once } from "./wait.mjs";

/** Opens a channel and says something on it that the other end hears. */
const greets = async (toThem, toUs, label) => {
  const arrival = once(toUs, "data-channel", { filter: ({ channel }) => channel.label === label });
  const ours = new DataChannel(toThem.createDataChannel(label));
  const opened = once(ours, "open");
  const heard = once(new DataChannel((await arrival).channel), "message");
  await opened;
  await ours.send(label);
  if ((await heard).data !== label) throw new Error("not what was sent");
};

/** Lets so many pairs collide, one after another. What failed, and how often an offer was rolled back. */
export const collide = async (pairs) => {
  let rollbacks = 0;
  const { setLocalDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setLocalDescription = function (description) {
    if (description?.type === "rollback") rollbacks += 1;
    return setLocalDescription.apply(this, arguments);
  };
  const failures = [];
  for (let round = 0; round < pairs; round += 1) {
    const t = scope();
    const { toA, toB } = await pair(t);
    for (const remote of [toA, toB]) remote.on("negotiation-error", ({ err }) => failures.push(String(err)));
    const results = await Promise.allSettled([greets(toB, toA, "a"), greets(toA, toB, "b")]);
    failures.push(...results.filter(({ reason }) => reason).map(({ reason }) => `round ${round}: ${reason}`));
    await t.end();
  }
  return { rollbacks, failures };
};
