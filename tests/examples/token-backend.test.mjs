// The backend that mints tokens, and its client.

import assert from "node:assert/strict";
import { asksFor, runExample, runsWell } from "../support/example.mjs";
import { test } from "../support/test.mjs";

const environment = { METERED_SECRET_KEY: "sk_id_dev:sk_secret_dev" };

const serve = async (t, more) => {
  const program = await runExample(t, "token-backend", ["serve"], { environment: { ...environment, ...more } });
  const url = (await program.line("tokens at")).match(/http:\S+/)[0];
  const ask = (session, method = "POST") => fetch(url, { method, headers: session ? { authorization: `Bearer ${session}` } : {} });
  return { ...program, url, ask };
};

const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

test("a client with a token of the backend is who its session says, where that may be", async (t) => {
  const lines = await runsWell(t, "token-backend", [], { environment });
  assert.equal(lines.at(-1), `OK — the client is ann and in room-42; "accounting" is channel_not_authorized`);
});

test("the backend gives a token for each user's rooms, to users and to nobody else", async (t) => {
  const { ask, url, stop } = await serve(t);
  const answer = await ask("session-of-bob");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const { token, expiresAt } = await answer.json();
  const claims = claimsOf(token);
  assert.deepEqual([claims.sub, claims.channels, claims.peerMetadata], ["bob", ["room-42"], { name: "Bob" }]);
  assert.ok(expiresAt - Date.now() / 1000 <= 600);
  for (const session of [undefined, "session-of-eve", "toString"]) assert.equal((await ask(session)).status, 401);
  assert.equal((await ask("session-of-bob", "GET")).status, 404);

  const client = await runExample(t, "token-backend", ["client", "session-of-bob"], { environment: { TOKEN_URL: url } });
  assert.equal(await client.ended(), 0, client.lines.join("\n"));
  assert.match(client.lines.at(-1), /^OK — the client is bob /);
  const stranger = await runExample(t, "token-backend", ["client", "session-of-eve"], { environment: { TOKEN_URL: url } });
  assert.equal(await stranger.ended(), 1);
  assert.equal(stranger.lines.at(-1), "FAILED — the backend answered 401");
  assert.equal(await stop(), 0);
});

test("a secret key that is no good is told in the backend's log, and not to the page", async (t) => {
  const { ask, line } = await serve(t, { METERED_SECRET_KEY: "sk_id_dev:a-wrong-secret" });
  const answer = await ask("session-of-ann");
  assert.deepEqual([answer.status, await answer.text()], [503, `{"error":"try_again"}`]);
  assert.ok(!(await line("no token for ann: the server answered 401")).includes("secret"));
});

test("without a secret key it says what it needs", (t) => asksFor(t, "token-backend", "METERED_SECRET_KEY"));
