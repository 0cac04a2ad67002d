// `LastingChannel`: what looks like one `RTCDataChannel` and is one native channel after another, with the same label and
// the same init, for as long as the remote is there. `DataChannel` is put around it as around a native one.
//
// ```text
//   connecting ─ native channel open ─► open ─ it closes ─► closing ─ was it meant so? ─ yes ─► closed
//       ▲                                │                     │ no
//       └────────── new connection ──────┴─────────────────────┘
// ```
//
// A native channel closes in the same way when the other side closes it and when the connection under it dies, but for
// one thing: the latter ends the SCTP association too. Chromium, Firefox and `@roamhq/wrtc` all tell that by
// `pc.sctp.state`, at once or a moment later, while `connectionState` stays `connected` for up to 18 s, and an `error`
// event comes in one of them only.

import { listen } from "./platform.js";

/** How long to look whether the connection goes too: the other side may close its channels first and then the rest. */
const DOUBT_MS = 1_000;
/** The first pause before another attempt on the same connection; doubles up to the second. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** What a channel is if nobody says otherwise. Its keys are forwarded to the native channel. */
const DEFAULTS = { id: null, ordered: true, protocol: "", negotiated: false, maxPacketLifeTime: null, maxRetransmits: null };

export class LastingChannel {
  label;
  readyState = "connecting";
  binaryType;
  #low;
  #remote;
  #init;
  #siblings;
  #listeners = {};
  /** The present channel; undefined while there is none. */
  _native;
  #detach;
  #timer;
  #attempts = 0;

  static {
    for (const name in DEFAULTS) {
      Object.defineProperty(this.prototype, name, {
        get() {
          return (this._native ?? { ...DEFAULTS, ...this.#init })[name];
        },
      });
    }
  }

  /** Nothing is opened yet. It is one of `siblings` from its `open()` until it is closed. */
  constructor(remote, label, init, siblings) {
    this.label = label;
    this.#remote = remote;
    this.#init = init;
    this.#siblings = siblings;
  }

  /** Without an open channel, what the send gate takes for a full buffer. */
  get bufferedAmount() {
    return this.readyState === "open" ? this._native.bufferedAmount : Infinity;
  }

  set bufferedAmountLowThreshold(bytes) {
    this.#low = bytes;
    if (this._native) this._native.bufferedAmountLowThreshold = bytes;
  }

  send(data) {
    this._native.send(data);
  }

  /** One listener of a name, which is called with what the native channel says. */
  addEventListener(name, listener) {
    this.#listeners[name] = listener;
  }

  removeEventListener() {
    // Whoever listens does so until the end.
  }

  /** Opens a native channel on the present connection, or throws what that throws. */
  open() {
    const { pc } = this.#remote;
    const native = this.#remote.createDataChannel(this.label, this.#init);
    this.#siblings.add(this);
    this._native = native;
    native.binaryType = this.binaryType;
    this.bufferedAmountLowThreshold = this.#low;
    let failed = false;
    const isDead = () => failed || pc.sctp?.state === "closed" || pc.connectionState !== "connected";
    const opened = () => {
      if (this._native !== native || this.readyState !== "connecting") return;
      this.readyState = "open";
      this.#attempts = 0;
      this.#listeners.open();
    };
    this.#detach = listen(native, {
      ...this.#listeners,
      open: opened,
      close: () => this.#lost(isDead),
      error: (event) => {
        failed = true;
        this.#listeners.error(event);
      },
    });
    // As in `@roamhq/wrtc`, where such a channel fires no event.
    if (native.readyState === "open") queueMicrotask(opened);
  }

  /** The connection is another one. */
  reopen() {
    if (this.readyState === "closed") return;
    this.#letGo();
    this.#gap();
    this.#try();
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.#siblings.delete(this);
    this.#letGo();
    this.#listeners.close();
  }

  /** The native channel has closed, and nobody here has asked for it. */
  #lost(isDead) {
    this.#letGo();
    if (isDead()) return this.#tryLater();
    if (this.readyState === "open") this.readyState = "closing";
    this.#timer = setTimeout(() => (isDead() ? this.#tryLater() : this.close()), DOUBT_MS);
  }

  #tryLater() {
    this.#gap();
    if (this.readyState === "closed") return;
    this.#timer = setTimeout(() => this.#try(), Math.min(FIRST_PAUSE_MS * 2 ** this.#attempts++, LONGEST_PAUSE_MS));
  }

  #try() {
    if (this.readyState === "closed") return;
    try {
      this.open();
    } catch {
      this.#tryLater();
    }
  }

  /** Tells that the channel is not open any more and will be again, if it was open. */
  #gap() {
    const wasOpen = this.readyState !== "connecting";
    this.readyState = "connecting";
    if (wasOpen) this.#listeners.close();
  }

  /** Parts with the native channel. */
  #letGo() {
    clearTimeout(this.#timer);
    this.#detach?.();
    this.#detach = undefined;
    try {
      this._native?.close();
    } catch {
      // It is closed already.
    }
    this._native = undefined;
  }
}
