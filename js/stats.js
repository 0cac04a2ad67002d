// What a connection's `getStats()` says, in a few words that mean the same on every platform.

/** The kinds of candidates, from the most direct on. */
const ROUTES = ["host", "srflx", "prflx", "relay"];

/** A `RemotePeerStats` from an `RTCStatsReport`, or from none. */
export const summarize = (report) => {
  const all = [...(report?.values() ?? [])];
  const byId = (wanted) => all.find(({ id }) => id === wanted);
  const pairs = all.filter(({ type }) => type === "candidate-pair");
  const transport = all.find(({ selectedCandidatePairId }) => selectedCandidatePairId);
  // Not everybody has a transport in the report, or has always had.
  const pair = (transport && byId(transport.selectedCandidatePairId))
    ?? pairs.find(({ selected }) => selected)
    ?? pairs.find(({ nominated, state }) => nominated && state === "succeeded");
  const local = byId(pair?.localCandidateId);
  const remote = byId(pair?.remoteCandidateId);
  const indirectness = [local, remote].map((candidate) => ROUTES.indexOf(candidate?.candidateType));
  // Another pair may have carried data before this one.
  const total = (bytes) => transport?.[bytes] ?? pairs.reduce((sum, each) => sum + (each[bytes] ?? 0), 0);
  const roundTrip = pair?.currentRoundTripTime;
  return {
    route: ROUTES[Math.max(...indirectness)],
    localCandidateType: local?.candidateType,
    remoteCandidateType: remote?.candidateType,
    protocol: local?.protocol,
    roundTripTimeMs: roundTrip === undefined ? undefined : roundTrip * 1000,
    bytesSent: total("bytesSent"),
    bytesReceived: total("bytesReceived"),
  };
};
