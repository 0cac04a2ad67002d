// The way to the server, which can be cut as a network would do it: without a word to the other end.
//
// A page cannot drop a connection, only close it, and who closes has left the room. So the package gets, through its option
// `webSocketFactory`, sockets that can play dead: they report a close with 1006, as after a loss, and hear nothing any more.
// The server finds out when the client returns, and gives it back its session.

/** How long the real socket behind a dead one is left open: as long as the server would wait for its client. */
const LINGER_MS = 15_000;

export class Network {
  #sockets = new Set();
  #downUntil = 0;

  /** Opens a socket: the package's `webSocketFactory`. */
  open = (url) => {
    const socket = new MortalSocket(performance.now() < this.#downUntil ? undefined : new WebSocket(url));
    this.#sockets.add(socket);
    socket.addEventListener("close", () => setTimeout(() => this.#bury(socket), LINGER_MS));
    return socket;
  };

  /** Takes the server away for so long. */
  cut(durationMs) {
    this.#downUntil = performance.now() + durationMs;
    for (const socket of this.#sockets) socket.die();
  }

  /** Closes everything that is still open. */
  close() {
    for (const socket of this.#sockets) this.#bury(socket);
  }

  #bury(socket) {
    this.#sockets.delete(socket);
    socket.close();
  }
}

/** A WebSocket that can die. Without a real one it is dead from the beginning. */
class MortalSocket extends EventTarget {
  #socket;
  #isDead = false;

  constructor(socket) {
    super();
    this.#socket = socket;
    for (const type of ["open", "message", "error", "close"]) {
      socket?.addEventListener(type, (event) => {
        if (!this.#isDead) this.dispatchEvent(new event.constructor(type, event));
      });
    }
    if (socket === undefined) setTimeout(() => this.die());
  }

  get readyState() {
    return this.#isDead ? WebSocket.CLOSED : this.#socket?.readyState ?? WebSocket.CONNECTING;
  }

  send(data) {
    if (!this.#isDead) this.#socket?.send(data);
  }

  close(code, reason) {
    this.#socket?.close(code, reason);
  }

  die() {
    if (this.readyState === WebSocket.CLOSED) return;
    this.#isDead = true;
    this.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }
}
