// Node's runner lets a test hang for ever unless it is told otherwise.

import { test as run } from "node:test";

/** A test that fails when it takes longer than 30 s. */
export const test = (name, body) => run(name, { timeout: 30_000 }, body);
