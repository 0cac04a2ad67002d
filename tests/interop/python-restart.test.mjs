// The server dies and comes back while a room holds peers of this package and of the official Python SDK. We keep our
// identity and our connections; Python closes its own and builds new ones, and with a publishable key comes back as
// somebody else. Applications open their channel as the README says.

import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { pythonPeer } from "../support/python.mjs";
import { channelName, newPeer } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { talk } from "../support/talk.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { until } from "../support/wait.mjs";

/**
 * By when a channel must be open again. A connection that only its silence gives away takes 15 s and more. Where Python
 * is polite it waits 2 s for our offer before it makes its own, and its first handshake fails now and then, which takes
 * it another 2 s.
 */
const BOUND_MS = 12_000;

/** Peers of both kinds that talk, on a server of their own. */
const talking = async (t, ourId, theirLogin) => {
  const server = await startServer();
  t.after(() => server.kill());
  const reconnect = { initialDelayMs: 50 };
  const ours = await newPeer(t, { url: server.url, apiKey: undefined, tokenProvider: async () => token({ sub: ourId }), reconnect });
  const python = await pythonPeer(t);
  const echoes = talk(ours, DataChannel, true);
  const channel = channelName();
  await ours.join(channel);
  await python.join(channel, { url: server.url, ...theirLogin });
  return { server, ours, python, echoes };
};

const withToken = (sub) => ({ token: token({ sub }) });

const cases = [
  { what: "with a key, as somebody new", ourId: "ours", login: { apiKey: "pk_live_dev" } },
  { what: "with a token, as the polite one", ourId: "zzz", login: withToken("aaa") },
  { what: "with a token, as the impolite one", ourId: "aaa", login: withToken("zzz") },
];

for (const { what, ourId, login } of cases) {
  test(`our channel to Python echoes again after the server died; Python comes back ${what}`, async (t) => {
    const { server, ours, python, echoes } = await talking(t, ourId, login);
    await until(() => echoes.count > 0, "an echo before");
    await server.kill();
    echoes.count = 0;
    await server.start();
    await until(() => echoes.count > 0, "an echo after", BOUND_MS);
    await python.saw("state-change", { to: "joined" }, { since: python.events.findLastIndex(({ to }) => to === "reconnecting") });
    assert.equal(ours.peerId, ourId);
  });
}
