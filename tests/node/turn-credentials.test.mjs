// TURN credentials that the server makes from a secret which it shares with a TURN server, which is a real one.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import wrtc from "@roamhq/wrtc";
import { findsNoRelay, relayOnly, talkThroughRelay } from "../support/relayed.mjs";
import { pair } from "../support/room.mjs";
import { startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { startTurn } from "../support/turn.mjs";

const SHARED = "a secret of the TURN server's";
const KEY = { keyId: "sk_id_x", secret: "a secret of the application's" };

let directory;
let turn;
let server;
let mistaken;

/** A server that believes that the TURN server has this secret. */
const serverWith = async (secret) => {
  const config = join(directory, `${secret.length}.toml`);
  await writeFile(config, `
    [[apps]]
    id = "app"
    [[apps.secret_keys]]
    id = "${KEY.keyId}"
    secret = "${KEY.secret}"
    [turn]
    urls = ["${turn.urls}"]
    secret = "${secret}"
  `);
  return startServer(0, { config });
};

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "metered-turn-credentials-"));
  turn = await startTurn({ sharedSecret: SHARED });
  [server, mistaken] = await Promise.all([serverWith(SHARED), serverWith("another secret than the other's")]);
});

after(async () => {
  await Promise.all([server?.kill(), mistaken?.kill(), turn?.stop()]);
  await rm(directory, { recursive: true, force: true });
});

const world = ({ url }) => ({
  url,
  mint: (sub) => token({ sub }, KEY),
  newConnection: (config) => new wrtc.RTCPeerConnection(config),
});

test("peers whose tokens know nothing of TURN meet through the relay with what the server gives them", async (t) => {
  assert.deepEqual(await talkThroughRelay(t, world(server)), {
    arrived: ["through the relay"],
    routes: [["relay", "relay"], ["relay", "relay"]],
  });
});

test("a credential made with another secret opens nothing", async (t) => {
  const { toA, toB } = await pair(t, relayOnly(world(mistaken)), relayOnly(world(mistaken)));
  toB.openDataChannel("chat");
  await Promise.all([toA.pc, toB.pc].map(findsNoRelay));
});
