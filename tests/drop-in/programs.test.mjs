// The same programs with the official SDK and with this package: both see the same.

import assert from "node:assert/strict";
import * as official from "@metered-ca/realtime";
import * as ours from "metered-realtime";
import { platform } from "../support/official.mjs";
import { scope } from "../support/scope.mjs";
import { access, startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { within } from "../support/wait.mjs";
import { media } from "./media-programs.mjs";
import { rooms, signalling } from "./programs.mjs";

/** Runs a program with an SDK and answers what it saw, with the names that are of this run alone taken out. */
const run = async (program, sdk) => {
  const name = crypto.randomUUID();
  const { after, end } = scope();
  const options = { ...(await access()), ...platform };
  const log = [];
  const made = (object) => {
    after(() => object.close());
    return object;
  };
  const id = (who) => `${who}-${name}`;
  const context = {
    sdk,
    options,
    after,
    id,
    channel: `drop-in-${name}`,
    mintToken: token,
    as: (who, claims) => ({ apiKey: undefined, tokenProvider: async () => token({ sub: id(who), ...claims }) }),
    client: (more) => made(new sdk.SignallingClient({ ...options, ...more })),
    peer: (more) => made(new sdk.MeteredPeer({ ...options, ...more })),
    server: async (settings) => {
      const server = await startServer(0, settings);
      after(() => server.kill());
      return server;
    },
    seen: (...values) => log.push(values),
  };
  try {
    await within(program(context), "the program's end").catch((error) => {
      throw new Error(`after it has seen ${JSON.stringify(log, undefined, 1)}`, { cause: error });
    });
  } finally {
    await end();
  }
  return JSON.parse(JSON.stringify(log, (_, value) => value === undefined ? "undefined" : value).replaceAll(name, "RUN"));
};

for (const [title, program] of Object.entries({ ...signalling, ...rooms, ...media })) {
  test(title, async () => {
    const expected = await run(program, official);
    assert.ok(expected.length > 0, "the program saw nothing");
    assert.deepEqual(await run(program, ours), expected);
  });
}
