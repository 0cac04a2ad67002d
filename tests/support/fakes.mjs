// Stand-ins for the platform's objects, to be given to the factories in the options. They count listeners, let a
// test say what arrives, and dispatch synchronously: whatever a listener throws reaches the test.

/** An event target that keeps account of its listeners. */
export class Target {
  added = 0;
  removed = 0;
  #listeners = new Map();

  addEventListener(name, listener) {
    this.added += 1;
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }

  removeEventListener(name, listener) {
    const list = this.#listeners.get(name) ?? [];
    if (!list.includes(listener)) return;
    this.removed += 1;
    this.#listeners.set(name, list.filter((other) => other !== listener));
  }

  dispatch(name, event = {}) {
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
}

/** A WebSocket. What is sent through it goes to `server`, a function of the frame and the socket. */
export class FakeSocket extends Target {
  readyState = 0;
  sent = [];
  #server;

  constructor(url, server) {
    super();
    this.url = url;
    this.#server = server;
  }

  send(text) {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    this.#server?.(frame, this);
  }

  close(code = 1000, reason = "") {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.dispatch("close", { code, reason }));
  }

  /** The server closes the connection. */
  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.dispatch("close", { code, reason });
  }

  /** A text frame arrives: a value as JSON, or a string as it is. */
  receive(frame) {
    this.receiveRaw(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Whatever the argument is arrives as the payload of a message event. */
  receiveRaw(data) {
    this.dispatch("message", { data });
  }

  welcome(fields) {
    this.readyState = 1;
    this.receive({ type: "welcome", peerId: "me", expiresAt: null, serverTime: 1_700_000_000, maxMessageSize: 65536, ...fields });
  }
}

/**
 * A server in a few lines: welcomes every socket, acknowledges every request and sends `roster` after a subscribe.
 * `onFrame` sees each frame first; what it returns true for is not answered.
 */
export class FakeServer {
  sockets = [];
  roster = [];
  /** What its welcomes say besides. */
  welcome = {};
  onFrame = () => false;
  /** Whether sockets are closed instead of welcomed. */
  isDown = false;

  /** What to pass as `webSocketFactory`. */
  factory = (url) => {
    const socket = new FakeSocket(url, (frame) => queueMicrotask(() => this.#answer(frame, socket)));
    this.sockets.push(socket);
    queueMicrotask(() => socket.readyState === 0 && (this.isDown ? socket.drop() : socket.welcome(this.welcome)));
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }

  /** The frames of a type that the client has sent on the present socket. */
  sent(type) {
    return this.socket.sent.filter((frame) => frame.type === type);
  }

  /** The signals of a type that the client has sent on the present socket. */
  signals(type) {
    return this.sent("send").map((frame) => frame.data).filter((data) => data?.type === type);
  }

  #answer(frame, socket) {
    if (this.onFrame(frame, socket) || socket.readyState !== 1) return;
    if (frame.requestId !== undefined) socket.receive({ type: "ack", requestId: frame.requestId });
    if (frame.type === "subscribe") {
      socket.receive({ type: "presence", channel: frame.channel, joined: this.roster, left: [] });
    }
  }
}

/** An RTCDataChannel that delivers to nobody. A test opens and closes it, and sets `bufferedAmount`. */
export class FakeChannel extends Target {
  readyState = "connecting";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = "blob";
  sent = [];

  constructor(label = "chat") {
    super();
    this.label = label;
  }

  send(data) {
    if (this.readyState !== "open") throw new Error("not open");
    this.sent.push(data);
  }

  open() {
    this.readyState = "open";
    this.dispatch("open");
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    queueMicrotask(() => this.dispatch("close"));
  }
}

/** An RTCPeerConnection that obeys the signalling states and connects to nobody. */
export class FakeConnection extends Target {
  connectionState = "new";
  signalingState = "stable";
  channels = [];
  candidates = [];

  async createOffer() {
    return { type: "offer", sdp: "v=0\r\n" };
  }

  async createAnswer() {
    return { type: "answer", sdp: "v=0\r\n" };
  }

  async setLocalDescription({ type }) {
    const next = { offer: "have-local-offer", answer: "stable", rollback: "stable" }[type];
    this.#move(type, type === "offer" ? "stable" : type === "answer" ? "have-remote-offer" : "have-local-offer", next);
  }

  async setRemoteDescription({ type, sdp }) {
    if (!sdp.startsWith("v=0")) throw new Error("not SDP");
    if (type === "offer") this.#move(type, "stable", "have-remote-offer");
    else this.#move(type, "have-local-offer", "stable");
  }

  async addIceCandidate(candidate) {
    this.candidates.push(candidate);
    if (candidate?.candidate.includes("refused")) throw new Error("no such candidate");
  }

  createDataChannel(label) {
    const channel = new FakeChannel(label);
    this.channels.push(channel);
    if (this.channels.length === 1) queueMicrotask(() => this.dispatch("negotiationneeded"));
    return channel;
  }

  connect() {
    this.connectionState = "connected";
    this.dispatch("connectionstatechange");
  }

  close() {
    this.connectionState = "closed";
    for (const channel of this.channels) channel.close();
  }

  #move(type, from, to) {
    if (this.signalingState !== from) throw new Error(`${type} in ${this.signalingState}`);
    this.signalingState = to;
  }
}
