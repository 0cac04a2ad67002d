// Whatever is passed as options, a constructor takes it or says which option is wrong, and nothing hangs.

import assert from "node:assert/strict";
import { DataChannel, MeteredPeer, SignallingClient } from "metered-realtime";
import { dice } from "../support/dice.mjs";
import { FakeChannel, FakeConnection, FakeServer } from "../support/fakes.mjs";
import { test } from "../support/test.mjs";

const SEEDS = 2_000;
const SECRET = "pk_live_planted";

const NAMES = [
  "apiKey", "tokenProvider", "url", "tokenProviderTimeoutMs", "inactivityTimeoutMs", "refreshBeforeExpiryMs", "autoResubscribe",
  "reconnect", "webSocketFactory", "rtcPeerConnectionFactory", "logger", "rtcConfig", "signal", "maxBufferedAmount", "bufferedAmountLowThreshold", "maxQueuedSends",
];
const RECONNECT = ["initialDelayMs", "multiplier", "maxDelayMs", "jitterRatio", "maxAttempts"];

const NUMBERS = [0, -0, -1, 1, 0.5, NaN, Infinity, -Infinity, 5e-324, 1.8e308, 2 ** 31, 2 ** 53, 2 ** 64];
const TEXTS = ["", " ", "x", SECRET, "ws://localhost:1", "wss://", "wss://[::", "wss://e\u0000x", "\ud800", "☃".repeat(10_000), "0", "__proto__"];

const junk = (chance, depth = 0) => {
  const kinds = [
    () => undefined, () => null, () => chance.pick(NUMBERS), () => chance.pick(TEXTS), () => chance.pick([true, false]),
    () => 7n, () => Symbol("junk"), () => () => chance.pick(TEXTS), () => class {}, () => Object.create(null), () => new Date(NaN),
    () => new Proxy({}, {}), () => Object.freeze([]), () => /x/, () => new Map(),
  ];
  if (depth < 2) kinds.push(() => [junk(chance, depth + 1)], () => filled(chance, RECONNECT, depth + 1));
  return chance.pick(kinds)();
};

const filled = (chance, names, depth = 0) => {
  const options = {};
  for (let count = chance.below(5); count > 0; count -= 1) options[chance.pick(names)] = junk(chance, depth);
  return options;
};

/** Options that are good but for what is thrown in; now and then no options at all. */
const drawn = (chance, good) => (chance.below(20) === 0 ? junk(chance) : { ...good, ...filled(chance, NAMES) });

/** Makes an object. Answers none where the options were refused as they may be. */
const made = (seed, make) => {
  try {
    return make();
  } catch (error) {
    assert.ok(error instanceof TypeError, `seed ${seed}: ${error?.stack}`);
    assert.match(error.message, /`\w+`/, `seed ${seed}: no option is named`);
    assert.ok(!error.message.includes(SECRET), `seed ${seed}: ${error.message}`);
    return undefined;
  }
};

for (const Class of [SignallingClient, MeteredPeer]) {
  test(`${Class.name} takes random options or names the one that is wrong, and can be closed`, async () => {
    let taken = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const good = { apiKey: SECRET, url: "ws://localhost:1", webSocketFactory: new FakeServer().factory, rtcPeerConnectionFactory: () => new FakeConnection() };
      const one = made(seed, () => new Class(drawn(dice(seed), good)));
      if (one === undefined) continue;
      taken += 1;
      await one.close();
    }
    assert.ok(taken > SEEDS / 20 && taken < SEEDS, `${taken} of ${SEEDS} were taken`);
  });
}

test("DataChannel takes random options or names the one that is wrong, and can be closed", () => {
  let taken = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const one = made(seed, () => new DataChannel(new FakeChannel(), drawn(dice(seed), {})));
    one?.close();
    if (one !== undefined) taken += 1;
  }
  assert.ok(taken > SEEDS / 20 && taken < SEEDS, `${taken} of ${SEEDS} were taken`);
});
