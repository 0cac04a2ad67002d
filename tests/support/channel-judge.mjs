// What the programs of channel-programs.mjs must have seen, wherever they ran: `run(name, ...args)` runs one.

import assert from "node:assert/strict";

const LIMIT = 262_144;

export const judges = {
  "each side hears the other's hello": async (run) => {
    assert.deepEqual(await run("basic"), { a: "Hello from B!", b: "Hello from A!", state: "open", label: "chat" });
  },

  "channels made to order say so at both ends, and where they can before they are open": async (run) => {
    const { game, chat, plain, agreed } = await run("custom");
    const usual = { ordered: true, protocol: "", negotiated: false, maxPacketLifeTime: null, maxRetransmits: null };
    const expected = {
      game: { ...usual, label: "game", ordered: false, maxPacketLifeTime: 100, protocol: "game-protocol" },
      chat: { ...usual, label: "chat", maxRetransmits: 5 },
      plain: { ...usual, label: "plain" },
    };
    const ids = new Set();
    for (const [label, ends] of Object.entries({ game, chat, plain })) {
      for (const [end, { id, maxMessageSize, ...rest }] of Object.entries(ends)) {
        assert.deepEqual(rest, expected[label], `${label}, ${end}`);
        assert.ok(id === null ? end === "early" : id >= 0, `${label}, ${end}: ${id}`);
        assert.ok(end === "early" || maxMessageSize === LIMIT, `${label}, ${end}: ${maxMessageSize}`);
      }
      assert.equal(ends.ours.id, ends.theirs.id);
      ids.add(ends.ours.id);
    }
    assert.equal(ids.size, 3);
    const end = { ...usual, id: 77, label: "agreed", ordered: false, negotiated: true, maxMessageSize: LIMIT };
    assert.deepEqual(agreed, { ours: end, theirs: end, heard: "hello" });
  },

  "a file of several MiB goes through the streams": async (run) => {
    const size = 3 * 1024 * 1024 + 7;
    const { parts, ...rest } = await run("file", size);
    assert.deepEqual(rest, { name: "example.jpg", size, isSame: true });
    assert.ok(parts >= size / LIMIT, `${parts} messages`);
  },

  "bufferedamountlow asks for more, as often as it takes": async (run) => {
    assert.deepEqual(await run("flowControl"), { threshold: 1024, sent: 20, lengths: 1 });
  },

  "channels of several kinds do not get into each other's way": async (run) => {
    assert.deepEqual(await run("several"), {
      echoes: ["Echo: control speaking", "Echo: video-meta speaking", "Echo: bulk speaking"],
      theirLabels: ["bulk", "control", "video-meta"],
      ids: 3,
    });
  },

  "what cannot be sent is refused by name, and the channel lives on until it is closed": async (run) => {
    const long = `DataChannelOversizedError ${LIMIT + 1} > ${LIMIT}`;
    assert.deepEqual(await run("errors"), {
      said: [
        "early: InvalidStateError", "nothing: TypeError", `too long: ${long}`,
        `too long to try: DataChannelOversizedError ${LIMIT + 2} > ${LIMIT}`, `too long to read: ${long}`, "a Blob to try: TypeError",
        "as long as may be: sent", "late: InvalidStateError", "late to try: InvalidStateError",
      ],
      before: "open",
      after: ["closed", "closed"],
      problems: 0,
      received: LIMIT,
    });
  },

  "every kind of payload arrives as what it is, in the order of the calls": async (run) => {
    assert.deepEqual(await run("payloads"), [
      "text", "", "zażółć 🎉", [0, 1, 2, 3, 4, 5, 6, 7], [2, 3, 4], [3, 4], [4, 5], [...Buffer.from("ablob")], [9], [8], "last",
    ]);
  },
};
