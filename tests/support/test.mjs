// Node's runner lets a test hang for ever unless it is told otherwise.

import { test as run } from "node:test";
import { leaveNativeObjects } from "./native.mjs";

leaveNativeObjects();

/** A test that fails when it takes longer than a minute, or than it is given. */
export const test = (name, body, timeout = 60_000) => run(name, { timeout }, body);
