// Constants of the public API.

export const WsCloseCode = Object.freeze({
  GoingAway: 1001,
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  ClientInactivity: 4000,
  InvalidToken: 4001,
  TokenExpired: 4002,
  ChannelNotAuthorized: 4003,
  OverConcurrentLimit: 4010,
  OverMessageRate: 4011,
  AccountSuspended: 4012,
  AdminDisconnect: 4020,
});

const logger = (write) => Object.fromEntries(["debug", "info", "warn", "error"].map((level) => [level, write(level)]));

export const NoopLogger = logger(() => () => {});

export const ConsoleLogger = logger(
  (level) => (message, context) => console[level]("[metered-realtime]", message, ...(context === undefined ? [] : [context])),
);
