// The declarations of the installed package, as each kind of project finds them.

import { test } from "../support/test.mjs";
import { compile } from "../support/tsc.mjs";

test("a strict program that uses every member compiles with Node's resolution, by import and by require", () => {
  compile("types/tsconfig.installed.json");
});

test("the same program compiles with a bundler's resolution", () => {
  compile("types/tsconfig.bundler.json");
});
