// A backend that mints tokens: it knows its users, keeps the secret key, and asks the signalling server for a token in their
// name. The page never sees the secret; the client asks again whenever it needs another token.
//
//   node examples/token-backend.mjs          both, and what the client is then: for a first look
//   node examples/token-backend.mjs serve    the backend alone, until Ctrl-C
//   node examples/token-backend.mjs client   a client of it, for a backend at TOKEN_URL
//
//   METERED_SECRET_KEY=sk_id_…:sk_secret_…   what the backend signs with: the key's id and its secret
//   METERED_URL=ws://localhost:9292          the server, for both
//   PORT, TOKEN_URL                          where the backend listens (a free port), where the client asks
//
// With the development server the secret key is sk_id_dev:sk_secret_dev. Exits with 0; with 1 when something went wrong.

import { createServer } from "node:http";
import { SignallingClient } from "metered-realtime";

const SERVER = process.env.METERED_URL ?? "wss://rms.metered.ca";
const TIMEOUT_MS = 10_000;

/** Sessions as your login makes them. Here two are made up, so that there is something to look up. */
const sessions = new Map([
  ["session-of-ann", { id: "ann", name: "Ann", rooms: ["room-*"] }],
  ["session-of-bob", { id: "bob", name: "Bob", rooms: ["room-42"] }],
]);

// ---- the backend

/** Who asks: the user of the session in `Authorization: Bearer …`, or undefined. */
const userOf = (request) => sessions.get(request.headers.authorization?.match(/^Bearer (\S+)$/)?.[1]);

/** A token for a user. What it grants is for the backend to say, never for the page. */
async function mint(user, secretKey) {
  const answer = await fetch(`${SERVER.replace(/^ws/, "http")}/v1/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      peerId: user.id,
      channels: user.rooms,
      expiresInSec: 600, // short: who is kicked cannot come back for long, and the client renews it by itself
      peerMetadata: { name: user.name },
    }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

async function handle(request, secretKey) {
  if (request.method !== "POST" || request.url !== "/token") return [404, { error: "not_found" }];
  const user = userOf(request);
  if (!user) return [401, { error: "unauthorized" }];
  try {
    return [200, await mint(user, secretKey)];
  } catch (error) {
    // The reason is for our log: the page can do nothing about it.
    console.error(`no token for ${user.id}: ${error.message}`);
    return [503, { error: "try_again" }];
  }
}

/** Starts the backend and answers where it is, and how to end it. */
async function serve(port) {
  const secretKey = process.env.METERED_SECRET_KEY;
  if (!secretKey?.includes(":")) {
    console.error("Set METERED_SECRET_KEY=sk_id_...:sk_secret_... (the id and the secret of a secret key).");
    process.exit(2);
  }
  const server = createServer(async (request, response) => {
    request.resume(); // the body does not matter
    const [status, body] = await handle(request, secretKey);
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(body));
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}/token`, stop };
}

// ---- the client

/** Connects as the user of a session, and says who that is and what it may do. */
async function connect(tokenUrl, session) {
  const client = new SignallingClient({
    url: SERVER,
    // Asked at each connect and reconnect, and shortly before a token expires.
    tokenProvider: async () => {
      const answer = await fetch(tokenUrl, { method: "POST", headers: { authorization: `Bearer ${session}` } });
      if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
      return (await answer.json()).token;
    },
  });
  try {
    await client.connect();
    await client.subscribe("room-42");
    const refused = await client.subscribe("accounting").then(() => "granted", (error) => error.code);
    return `the client is ${client.peerId} and in room-42; "accounting" is ${refused}`;
  } finally {
    await client.close();
  }
}

// ---- one or both

const stopped = () => new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));

async function main(role = "both") {
  if (role === "client") {
    console.log(`OK — ${await connect(process.env.TOKEN_URL, process.argv[3] ?? "session-of-ann")}`);
    return;
  }
  const backend = await serve(Number(process.env.PORT ?? 0));
  try {
    console.log(`tokens at ${backend.url}`);
    if (role === "serve") await stopped();
    else console.log(`OK — ${await connect(backend.url, "session-of-ann")}`);
  } finally {
    await backend.stop();
  }
}

try {
  await main(process.argv[2]);
} catch (error) {
  console.error(`FAILED — ${error.message}`);
  process.exitCode = 1;
}
