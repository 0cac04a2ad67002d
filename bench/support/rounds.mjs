// Comparisons by turns. Works in Node and in a page.
//
// Every variant is measured once in each round, in another order each time, so that what else the machine does meets all
// of them alike. What is compared is the quotient of two figures of the same round, of which the median is taken. The
// base is measured a second time under another name: how far that quotient is from 1, and how far its quartiles are
// apart, is what the machine does, and no difference below that means anything.

/** A value below which a part of a list lies, between neighbours by interpolation. */
export const quantile = (values, part) => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at % 1);
};

/** The median of a list of numbers and the quartiles around it. */
export const spread = (values) => ({ median: quantile(values, 0.5), q1: quantile(values, 0.25), q3: quantile(values, 0.75) });

const shuffled = (list) => list.map((item) => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);

/**
 * Measures every variant once a round: what each has answered, by its name, round by round. One that throws has failed in
 * that round, and `undefined` is in its place. Before the rounds that count there are `warmups`.
 */
export const takeTurns = async ({ variants, base, rounds, warmups = 2 }) => {
  const all = { ...variants, [`${base} again`]: variants[base] };
  const answers = new Map(Object.keys(all).map((name) => [name, []]));
  for (let round = -warmups; round < rounds; round += 1) {
    for (const name of shuffled(Object.keys(all))) {
      globalThis.gc?.();
      const answer = await all[name]().catch((error) => void console.error(`${name}: ${error.message}`));
      if (round >= 0) answers.get(name).push(answer);
    }
  }
  return answers;
};

/**
 * A table of what was measured by turns. `better` says whether a figure should be "less" or "more"; `goals` may say of a
 * variant what its quotient by `base` should be at most, or at least.
 */
export const tabulate = (answers, { title, unit, better = "less", base, goals = {} }) => {
  const reference = answers.get(base);
  const rows = [...answers].map(([name, list]) => {
    const quotients = list.map((figure, round) => figure / reference[round]).filter((quotient) => Number.isFinite(quotient));
    const of = name === base || quotients.length === 0 ? undefined : spread(quotients);
    const goal = goals[name];
    const met = goal === undefined || !of ? undefined : (better === "less" ? of.median <= goal : of.median >= goal);
    const figures = list.filter((figure) => figure !== undefined);
    return { name, ...spread(figures), of, goal, met, failed: list.length - figures.length };
  });
  return { title, unit, better, base, rounds: reference.length, rows };
};

/** Measures every variant, a function that answers a figure, once a round, and answers a table. */
export const compare = async ({ title, unit, better, goals, ...settings }) =>
  tabulate(await takeTurns(settings), { title, unit, better, goals, base: settings.base });
