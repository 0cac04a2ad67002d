// One message of each kind, there and back: what an environment must be able to do. The function stands for itself, so
// that its text can be run where it cannot be imported.

/** Two clients exchange messages; answers what they saw. */
export const roundTrip = async ({ SignallingClient }, options) => {
  const next = (client, name) => new Promise((resolve) => client.once(name, resolve));
  const clients = [new SignallingClient(options), new SignallingClient(options)];
  const [a, b] = clients;
  await Promise.all(clients.map((client) => client.connect()));
  const channel = `test-${crypto.randomUUID()}`;
  const roster = next(b, "presence");
  await a.subscribe(channel);
  await b.subscribe(channel);
  const { joined } = await roster;
  const message = next(b, "message");
  await a.publish(channel, { hello: "🌱" });
  const { data } = await message;
  const direct = next(a, "direct");
  await b.send(a.peerId, [1, null]);
  const answer = await direct;
  await Promise.all(clients.map((client) => client.close()));
  return { knows: joined.some(({ peerId }) => peerId === a.peerId), data, answer: answer.data, states: clients.map(({ state }) => state) };
};

/** What it answers where all is well. */
export const ROUND = { knows: true, data: { hello: "🌱" }, answer: [1, null], states: ["closed", "closed"] };
