// What people do with data channels, on two real connections in Node.

import * as programs from "../support/channel-programs.mjs";
import { judges } from "../support/channel-judge.mjs";
import { test } from "../support/test.mjs";

for (const [name, judge] of Object.entries(judges)) {
  test(`in Node ${name}`, (t) => judge((program, ...args) => programs[program](t, ...args)));
}
