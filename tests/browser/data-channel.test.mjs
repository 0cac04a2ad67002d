// What people do with data channels, on two real connections in Chromium.

import { judges } from "../support/channel-judge.mjs";
import { test } from "../support/test.mjs";
import { testPages } from "./test-page.mjs";

const pages = testPages();

for (const [name, judge] of Object.entries(judges)) {
  test(`in Chromium ${name}`, async (t) => {
    const page = await pages.open(t);
    await judge((...call) => page.evaluate(async ([program, ...args]) => {
      const programs = await import("/tests/support/channel-programs.mjs");
      const { scope } = await import("/tests/support/scope.mjs");
      const t = scope();
      try {
        return await programs[program](t, ...args);
      } finally {
        await t.end();
      }
    }, call));
  });
}
