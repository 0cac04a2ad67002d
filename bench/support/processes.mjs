// Processes that measure for another.

/** The next message of a process that `isAnswer` takes, or an error if the process ends before. */
export const answerOf = (child, isAnswer = () => true) => new Promise((resolve, reject) => {
  const hear = (message) => {
    if (!isAnswer(message)) return;
    stop();
    resolve(message);
  };
  const end = (code, signal) => {
    stop();
    reject(new Error(`a process has ended without an answer: ${signal ?? code}`));
  };
  const stop = () => child.off("message", hear).off("exit", end);
  child.on("message", hear).on("exit", end);
});
