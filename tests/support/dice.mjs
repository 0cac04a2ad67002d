// Chance that is the same in every run.

/** A generator of numbers from its seed (mulberry32), and what is made of them. */
export const dice = (seed) => {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (count) => next() % count;
  const pick = (items) => items[below(items.length)];
  const text = (characters, length) => Array.from({ length }, () => pick(characters)).join("");
  return { below, pick, text };
};
