// The server's half of resuming, spoken to over plain WebSockets: what any client of the protocol may rely on.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import WebSocket from "ws";
import { KEY, startServer } from "../support/server.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { until } from "../support/wait.mjs";

const NUMBERED = ["message", "direct", "presence"];

/** A plain client: what it has received, and how many of it count. */
class Socket {
  frames = [];
  seen = 0;

  /** Opens a socket and waits for its welcome. */
  static async open(server, { key = KEY, jwt, resume, seen } = {}) {
    const query = new URLSearchParams(jwt ? { token: jwt } : { key });
    if (resume !== undefined) query.set("resume", resume);
    if (seen !== undefined) query.set("seen", seen);
    const client = new Socket();
    client.ws = new WebSocket(`${server.url}/v1?${query}`);
    client.closed = new Promise((resolve) => client.ws.once("close", (code, reason) => resolve([code, String(reason)])));
    client.ws.on("error", () => {});
    client.ws.on("message", (text) => {
      const frame = JSON.parse(text);
      if (NUMBERED.includes(frame.type)) client.seen += 1;
      client.frames.push(frame);
    });
    client.welcome = await client.next("welcome");
    client.id = client.welcome.peerId;
    return client;
  }

  /** Comes back on another socket, as our own client does. */
  async resume(server, { jwt } = {}) {
    const back = await Socket.open(server, { jwt, resume: this.welcome.resume.token, seen: this.seen });
    if (back.welcome.resumed) back.seen += this.seen;
    return back;
  }

  /** Takes the next frame, which must be of this type. */
  async next(type) {
    const frame = await until(() => this.frames.shift(), `a frame of type ${type}`);
    assert.equal(frame.type, type, JSON.stringify(frame));
    return frame;
  }

  say(frame) {
    this.ws.send(JSON.stringify(frame));
  }

  /** Says something and waits until it has been dealt with. */
  async ask(frame) {
    this.say({ ...frame, requestId: "r" });
    return this.next("ack");
  }

  async join(channel) {
    await this.ask({ type: "subscribe", channel });
    return this.next("presence");
  }

  /** Whether nothing has come: the answer to a ping comes after everything else. */
  async heardNothing() {
    this.say({ type: "ping" });
    await this.next("pong");
  }

  /** The network breaks: the server gets no close frame. */
  async break() {
    this.ws.terminate();
    await this.closed;
  }
}

let server;
before(async () => {
  server = await startServer();
});
after(() => server.kill());

let channels = 0;
/** Alice and Bob in a channel of their own. */
const pair = async (t, on = server, options) => {
  const channel = `resume-${(channels += 1)}`;
  const [alice, bob] = [await Socket.open(on, options), await Socket.open(on)];
  t.after(() => [alice, bob].forEach(({ ws }) => ws.close()));
  await bob.join(channel);
  const { joined } = await alice.join(channel);
  assert.deepEqual(joined, [{ peerId: bob.id }]);
  assert.deepEqual((await bob.next("presence")).joined, [{ peerId: alice.id }]);
  return { alice, bob, channel, say: (data) => bob.ask({ type: "publish", channel, data }) };
};

const goneFrom = async (client, peerId) => {
  assert.deepEqual((await client.next("presence")).left.map((peer) => peer.peerId), [peerId]);
};

test("a client whose connection broke comes back, has missed nothing, and was not missed", async (t) => {
  const { alice, bob, say } = await pair(t);
  assert.equal(alice.welcome.resume.graceMs, 15_000);
  assert.equal(alice.welcome.resumed, false);
  await alice.break();
  await say(1);
  assert.equal((await bob.ask({ type: "send", to: alice.id, data: 2 })).type, "ack");
  await say(3);
  const back = await alice.resume(server);
  t.after(() => back.ws.close());
  assert.deepEqual([back.welcome.resumed, back.id], [true, alice.id]);
  await say(4);
  for (const [type, data] of [["message", 1], ["direct", 2], ["message", 3], ["message", 4]]) {
    assert.equal((await back.next(type)).data, data);
  }
  await back.heardNothing();
  await bob.heardNothing();
});

test("of a connection that breaks again and again, every message arrives once and in order", async (t) => {
  const { alice, bob, say } = await pair(t);
  const heard = [];
  const hear = (client) => heard.push(...client.frames.splice(0).filter((frame) => frame.type === "message"));
  let client = alice;
  for (let number = 0; number < 60; number += 1) {
    await say(number);
    if (number % 3 === 2) {
      // Whatever has arrived by now counts, and what has not is sent again.
      await client.break();
      hear(client);
      client = await client.resume(server);
      assert.equal(client.welcome.resumed, true);
    }
  }
  await until(() => (hear(client), heard.length >= 60), "all messages");
  await client.heardNothing();
  assert.deepEqual(heard.map((frame) => frame.data), Array.from({ length: 60 }, (_, number) => number));
  await bob.heardNothing();
  client.ws.close();
});

test("a client that does not count gets what came while it was away", async (t) => {
  const { alice, say } = await pair(t);
  await say(1);
  await alice.next("message");
  await alice.break();
  // Give the server time to find out, or it would count what follows as handed over.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await say(2);
  const back = await Socket.open(server, { resume: alice.welcome.resume.token });
  t.after(() => back.ws.close());
  assert.equal(back.welcome.resumed, true);
  assert.equal((await back.next("message")).data, 2);
  await back.heardNothing();
});

test("a socket that hangs loses its session to the one that comes with the token", async (t) => {
  const { alice, bob, say } = await pair(t);
  const back = await alice.resume(server);
  t.after(() => back.ws.close());
  assert.equal(back.welcome.resumed, true);
  assert.equal((await alice.closed)[0], 1000);
  await say(1);
  assert.equal((await back.next("message")).data, 1);
  await bob.heardNothing();
});

for (const code of [1000, 1001, undefined]) {
  test(`of a client that closes ${code ? `with ${code}` : "without a code"}, nothing is kept`, async (t) => {
    const { alice, bob } = await pair(t);
    alice.ws.close(code);
    await goneFrom(bob, alice.id);
    const back = await alice.resume(server);
    t.after(() => back.ws.close());
    assert.deepEqual([back.welcome.resumed, back.id], [false, alice.id]);
    await bob.heardNothing();
  });
}

test("a client that gives up a silent server with 4000 keeps its session", async (t) => {
  const { alice, bob, say } = await pair(t);
  alice.ws.close(4000);
  await alice.closed;
  await say(1);
  const back = await alice.resume(server);
  t.after(() => back.ws.close());
  assert.equal(back.welcome.resumed, true);
  assert.equal((await back.next("message")).data, 1);
  await bob.heardNothing();
});

test("a token that is forged, foreign, or garbage makes an ordinary session", async (t) => {
  const { alice, bob } = await pair(t);
  const own = alice.welcome.resume.token;
  const forged = (own[0] === "A" ? "B" : "A") + own.slice(1);
  const jwt = token({ sub: "mallory" });
  const attempts = [
    { resume: forged },
    { resume: "" },
    { resume: "x".repeat(10_000) },
    { resume: "%00\u{1f600}" },
    { resume: token({ sub: alice.id }) },
    { resume: own, jwt },
    { resume: own, jwt: token({ sub: alice.id }) },
  ];
  for (const attempt of attempts) {
    const fresh = await Socket.open(server, { ...attempt, seen: 1 });
    assert.equal(fresh.welcome.resumed, false);
    if (!attempt.jwt) assert.notEqual(fresh.id, alice.id);
    fresh.ws.close();
    await fresh.closed;
  }
  await alice.heardNothing();
  await bob.heardNothing();
});

test("a resume token opens no door by itself", async () => {
  const alice = await Socket.open(server);
  const resume = alice.welcome.resume.token;
  alice.ws.close();
  for (const query of [`resume=${resume}`, `token=${resume}`, `key=${resume}`]) {
    const ws = new WebSocket(`${server.url}/v1?${query}`);
    assert.equal(await new Promise((resolve) => ws.once("close", resolve)), 4001);
  }
});

test("a session goes on with a fresh access token of the same peer and ends for no other", async (t) => {
  const { alice, bob, say } = await pair(t, server, { jwt: token({ sub: "carol" }) });
  await alice.break();
  await say(1);
  const other = await alice.resume(server, { jwt: token({ sub: "dave" }) });
  assert.deepEqual([other.welcome.resumed, other.id], [false, "dave"]);
  other.ws.close();
  const back = await alice.resume(server, { jwt: token({ sub: "carol", nonce: 1 }) });
  t.after(() => back.ws.close());
  assert.deepEqual([back.welcome.resumed, back.id], [true, "carol"]);
  assert.equal((await back.next("message")).data, 1);
  await bob.heardNothing();
});

test("a client that has counted what was never sent begins afresh with the same peer", async (t) => {
  const { alice, bob } = await pair(t);
  await alice.break();
  alice.seen = 1_000;
  const back = await alice.resume(server);
  t.after(() => back.ws.close());
  assert.deepEqual([back.welcome.resumed, back.id], [false, alice.id]);
  await goneFrom(bob, alice.id);
});

test("when the grace is over a peer has left, and keeps its id", async (t) => {
  const hasty = await startServer(0, { resumeGrace: 300 });
  t.after(() => hasty.kill());
  const { alice, bob } = await pair(t, hasty);
  assert.equal(alice.welcome.resume.graceMs, 300);
  const begun = performance.now();
  await alice.break();
  await goneFrom(bob, alice.id);
  assert.ok(performance.now() - begun >= 295);
  const back = await alice.resume(hasty);
  assert.deepEqual([back.welcome.resumed, back.id], [false, alice.id]);
});

test("a server with no grace offers nothing, and who breaks off has left", async (t) => {
  const forgetful = await startServer(0, { resumeGrace: 0 });
  t.after(() => forgetful.kill());
  const { alice, bob } = await pair(t, forgetful);
  assert.deepEqual(["resume" in alice.welcome, "resumed" in alice.welcome], [false, false]);
  await alice.break();
  await goneFrom(bob, alice.id);
});

for (const end of ["stop", "kill"]) {
  test(`a peer keeps its id over the server's ${end}`, async (t) => {
    const mortal = await startServer();
    t.after(() => mortal.kill());
    const { alice, bob } = await pair(t, mortal);
    await mortal[end]();
    await Promise.all([alice.closed, bob.closed]);
    await mortal.start();
    for (const client of [alice, bob]) {
      const back = await client.resume(mortal);
      assert.deepEqual([back.welcome.resumed, back.id], [false, client.id]);
    }
  });
}
