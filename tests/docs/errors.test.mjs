// The lists of errors and codes are complete: they are compared with what the package exports and what the protocol and the
// server have.

import assert from "node:assert/strict";
import * as realtime from "metered-realtime";
import { proseOf, quoted, rowsBelow, textOf } from "../support/markdown.mjs";
import { test } from "../support/test.mjs";

const GUIDE = "docs/errors.md";
const sorted = (names) => [...new Set(names)].sort();
const firstCells = (path, heading) => rowsBelow(path, heading).flatMap(([cell]) => quoted(cell));

const exported = Object.keys(realtime).filter((name) => realtime[name].prototype instanceof Error);

test("every error class that is exported is declared, and is in the guide and in the package's README", () => {
  const declared = [...textOf("pkg/index.d.ts").matchAll(/^export class (\w+) extends Error/gm)].map(([, name]) => name);
  assert.deepEqual(sorted(exported), sorted(declared));
  const isError = (name) => name.endsWith("Error");
  const inEvents = rowsBelow(GUIDE, "## Errors in events").flatMap(([, cell]) => quoted(cell)).filter((name) => exported.includes(name));
  const inGuide = ["## Errors of calls", "## Errors of streams"].flatMap((heading) => firstCells(GUIDE, heading)).concat(inEvents);
  assert.deepEqual(sorted(inGuide.filter(isError)), sorted(exported));
  assert.deepEqual(sorted(firstCells("pkg/README.md", "## Errors").filter(isError)), sorted(exported));
});

test("every reason and code of an error that has several is in the guide", () => {
  const named = proseOf(GUIDE).flatMap(quoted);
  const declarations = [...textOf("pkg/index.d.ts").matchAll(/readonly (?:reason|code): ((?:"\w+"(?: \| )?){2,});/g)];
  const values = declarations.flatMap(([, union]) => union.split(" | ").map((value) => value.slice(1, -1)));
  assert.ok(values.length > 10, "unions are found");
  const ofState = ["invalid_state", "track_already_attached"]; // told in words
  for (const value of values) assert.ok(ofState.includes(value) || named.includes(value), `the guide has no ${value}`);
});

const codes = textOf("crates/protocol/src/codes.rs");

test("every code of a refusal is in the guide, and no other", () => {
  const ofProtocol = [...codes.matchAll(/^ {4}[A-Z_]+ = "(\w+)";$/gm)].map(([, code]) => code);
  assert.ok(ofProtocol.length > 10, "codes are found");
  const declared = [...textOf("pkg/index.d.ts").match(/^export type ErrorCode =([^;]+);/m)[1].matchAll(/"(\w+)"/g)].map(([, code]) => code);
  assert.deepEqual(sorted([...declared, "backend_error", "internal_error"]), sorted(ofProtocol));
  assert.deepEqual(sorted(firstCells(GUIDE, "## Codes of a refusal")), sorted(ofProtocol));
});

test("every close code is in the guide, with its name and with what the client does", () => {
  const rows = rowsBelow(GUIDE, "## Close codes").slice(2);
  const values = Object.fromEntries([...codes.matchAll(/pub const (\w+): Self = Self\((\d+)\);/g)].map(([, name, code]) => [name, code]));
  assert.deepEqual(sorted(rows.map(([code]) => code)), sorted(Object.values(values)));
  const names = rows.filter(([, name]) => name).map(([code, name]) => [quoted(name)[0], Number(code)]);
  assert.deepEqual(Object.fromEntries(names), { ...realtime.WsCloseCode });
  const never = codes.match(/match self \{([^]+?)=> Retry::Never/)[1].match(/[A-Z_]{4,}/g).map((name) => values[name]);
  assert.deepEqual(sorted(rows.filter((row) => row[3] === "ends").map(([code]) => code)), sorted(never));
});

test("every answer of the REST API that is a refusal is in the guide and in the server's README", () => {
  const statuses = { BAD_REQUEST: 400, UNAUTHORIZED: 401, FORBIDDEN: 403, NOT_FOUND: 404, METHOD_NOT_ALLOWED: 405, PAYLOAD_TOO_LARGE: 413, TOO_MANY_REQUESTS: 429, SERVICE_UNAVAILABLE: 503 };
  const source = textOf("crates/server/src/rest/problem.rs");
  const refusals = [...source.matchAll(/StatusCode::(\w+),\s*(?:error: )?"(\w+)"/g)].map(([, status, error]) => `${statuses[status]} ${error}`);
  assert.ok(refusals.length > 8, "refusals are found");
  const listed = (path, heading) => rowsBelow(path, heading).slice(2).flatMap(([status, errors]) => {
    return status.split(", ").flatMap((each) => quoted(errors).map((error) => `${each} ${error}`));
  });
  assert.deepEqual(sorted(listed(GUIDE, "## REST")), sorted(refusals));
  const ofServer = listed("crates/server/README.md", "## REST");
  for (const refusal of refusals) assert.ok(ofServer.includes(refusal), `crates/server/README.md has no ${refusal}`);
});
