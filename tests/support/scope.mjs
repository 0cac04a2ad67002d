// What a test's context is for code outside of a test, as in a page: it keeps what is to be done at the end.

export const scope = () => {
  const ends = [];
  return {
    after: (end) => ends.push(end),
    end: () => Promise.all(ends.splice(0).map((end) => end())),
  };
};
