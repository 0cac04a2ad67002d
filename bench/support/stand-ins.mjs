// The least that a client asks of its platform, so that nothing but the client is measured: a channel that delivers to
// nobody, a socket whose server is a function, a connection that connects to nobody.

/** A target that calls listeners at once. Knows both ways of listening. */
class Target {
  #listeners = new Map();

  addEventListener(name, listener) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }

  removeEventListener(name, listener) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? []).filter((other) => other !== listener));
  }

  dispatch(name, event = {}) {
    this[`on${name}`]?.(event);
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
}

/** An `RTCDataChannel` that never fills up. */
export class Sink extends Target {
  label = "bench";
  readyState = "open";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = "arraybuffer";
  onbufferedamountlow = null;

  send() {}

  close() {}
}

/** A `WebSocket`. It opens by itself; `greet` is called then, and `count` says how many frames were sent. */
export class Socket extends Target {
  readyState = 0;
  count = 0;
  last = "";

  constructor(greet) {
    super();
    queueMicrotask(() => {
      this.readyState = 1;
      this.dispatch("open");
      greet?.(this);
    });
  }

  send(text) {
    this.count += 1;
    this.last = text;
    this.answer?.(text);
  }

  close(code = 1000, reason = "") {
    this.readyState = 3;
    queueMicrotask(() => this.dispatch("close", { code, reason }));
  }

  receive(text) {
    this.dispatch("message", { data: text });
  }
}

/** An `RTCPeerConnection` that nobody asks for anything. */
export class Connection extends Target {
  connectionState = "new";
  iceConnectionState = "new";
  signalingState = "stable";

  close() {}
}
