// The server dies and comes back while a room holds peers of this package and of the official SDK. We keep our identity
// and our connections; the official SDK builds every connection anew. Applications open their channel as the README says.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { OfficialDataChannel, officialPeer } from "../support/official.mjs";
import { channelName, newPeer } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { talk } from "../support/talk.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { until } from "../support/wait.mjs";

/** By when an echo must have come; a connection that only its silence gives away takes 15 s and more. */
const BOUND_MS = 5_000;

const cases = [];
for (const opener of ["we", "they"]) {
  for (const [ourId, theirId] of [["aaa", "zzz"], ["zzz", "aaa"]]) cases.push({ opener, ourId, theirId });
}

for (const { opener, ourId, theirId } of cases) {
  test(`after the server's death an open channel is there again; ${opener} open it, we are '${ourId}'`, async (t) => {
    const server = await startServer();
    t.after(() => server.kill());
    const as = (sub) => ({ url: server.url, apiKey: undefined, tokenProvider: async () => token({ sub }), reconnect: { initialDelayMs: 50 } });
    const ours = await newPeer(t, as(ourId));
    const theirs = await officialPeer(t, as(theirId));
    const heard = { ours: talk(ours, DataChannel, opener === "we"), theirs: talk(theirs, OfficialDataChannel, opener === "they") };
    const answered = heard[opener === "we" ? "ours" : "theirs"];
    const channel = channelName();
    await ours.join(channel);
    await theirs.join(channel);
    await until(() => answered.count > 0, "an echo before");
    await server.kill();
    answered.count = 0;
    await server.start();
    await until(() => answered.count > 0, "an echo after", BOUND_MS);
  });
}
