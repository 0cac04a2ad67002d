// Both sides offer in the same tick. In Node the official SDK cannot take an offer while its own is out, because the
// native library has no implicit rollback; so it is on us to get out of it, on whichever side we are.

import "../support/fast-clock.mjs";
import assert from "node:assert/strict";
import { DataChannel } from "metered-realtime";
import { OfficialDataChannel, officialJoin } from "../support/official.mjs";
import { channelName, join, remoteOf } from "../support/room.mjs";
import { test } from "../support/test.mjs";
import { token } from "../support/token.mjs";
import { once, record, until } from "../support/wait.mjs";

// In the time of this process, which runs fast.
const timeout = 120_000;

for (const [ourId, theirId, what] of [["aaa", "zzz", "we are polite and roll back"], ["zzz", "aaa", "we are impolite and withdraw our unanswered offer"]]) {
  test(`glare with the official SDK resolves: ${what}`, async (t) => {
    const channel = channelName();
    const as = (sub) => ({ apiKey: undefined, tokenProvider: async () => token({ sub }) });
    const ours = await join(t, channel, as(ourId));
    const theirs = await officialJoin(t, channel, as(theirId));
    const [toTheirs, toOurs] = await Promise.all([remoteOf(ours, theirId), remoteOf(theirs, ourId)]);
    assert.equal(toTheirs.polite, ourId < theirId);

    const arrivals = [once(toOurs, "data-channel", { timeout }), once(toTheirs, "data-channel", { timeout })];
    const [a, b] = [new DataChannel(toTheirs.createDataChannel("ours")), new OfficialDataChannel(toOurs.pc.createDataChannel("theirs"))];
    const [atTheirs, atOurs] = (await Promise.all(arrivals)).map(({ channel }) => channel);
    assert.deepEqual([atTheirs.label, atOurs.label], ["ours", "theirs"]);
    await until(() => a.readyState === "open" && b.readyState === "open", "both channels open", timeout);

    const [heardByThem, heardByUs] = [record(new OfficialDataChannel(atTheirs), "message"), record(new DataChannel(atOurs), "message")];
    await a.send("from us");
    await b.send("from them");
    await Promise.all([heardByThem.reach(1), heardByUs.reach(1)]);
    assert.deepEqual([heardByThem.payloads[0].data, heardByUs.payloads[0].data], ["from us", "from them"]);
  });
}
