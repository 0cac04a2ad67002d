// How Rust code calls a method of a host: by its number, with the values that it has handed over before, one at a time.
// So what crosses are a few kinds of values, and not one function for every method.

const handed = [];

/** What the core has failed with, once it has. */
export let failure;

/** From now on, neither side gets an answer from the other. */
export const failWith = (error) => {
  failure = error;
};

/** Throws what the core has failed with. */
export const mustWork = () => {
  if (failure) throw failure;
};

/** Takes a value for the next method. */
export const hand = (value) => handed.push(value);

/** What was handed over: all values, in their order. */
export const taken = () => handed.splice(0);

/**
 * Has the methods of a class numbered by their places in it: those that are asked for begin with an underscore and
 * stand behind the constructor, in the order of the `Ask` that lists them, in src/host.rs or src/tracks.rs. A test compares the two.
 */
export const answers = ({ prototype }) => {
  prototype.methods = Object.getOwnPropertyNames(prototype).slice(1);
};

/** Calls a method with a number and what was handed over. Nothing is done for a core that has failed. */
export const ask = (host, method, number) => {
  mustWork();
  host[host.methods[method]](number, ...taken());
};
