// A lasting channel whose other end goes, in the two ways there are. For a page.

import { pair } from "./room.mjs";
import { scope } from "./scope.mjs";
import { once, until } from "./wait.mjs";

/** How three lasting channels end up: of one the other side closes its end, of all it then closes the connection. */
export const closesOfBothKinds = async () => {
  const t = scope();
  const { toA, toB } = await pair(t);
  const theirs = {};
  toA.on("data-channel", ({ channel }) => { theirs[channel.label] = channel; });
  const [meant, apart, whole] = ["meant", "apart", "whole"].map((label) => toB.openDataChannel(label));
  await Promise.all([meant, apart, whole].map((dc) => once(dc, "open")));
  await until(() => Object.keys(theirs).length === 3);
  theirs.meant.close();
  await once(meant, "close");
  const closed = [once(apart, "close"), once(whole, "close")];
  theirs.apart.close();
  toA.pc.close();
  await Promise.all(closed);
  const states = [meant, apart, whole].map(({ readyState }) => readyState);
  await t.end();
  return states;
};
