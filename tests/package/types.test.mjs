// The declarations of the installed package, as each kind of project finds them.

import { test } from "../support/test.mjs";
import { compile } from "../support/tsc.mjs";

for (const [name, project] of [["nodenext", "installed"], ["node16", "node16"]]) {
  test(`a strict program that uses every member compiles with the resolution ${name}, by import and by require`, () => {
    compile(`types/tsconfig.${project}.json`);
  });
}

test("the same program compiles with a bundler's resolution", () => {
  compile("types/tsconfig.bundler.json");
});
