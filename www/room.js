// One stay in one room: the peer, everybody's card, and what is said.

import { MeteredPeer } from "/pkg/index.js";
import { Chat } from "./chat.js";
import { at } from "./dom.js";
import { Files } from "./files.js";
import { logger, note } from "./log.js";
import { Me } from "./me.js";
import { Network } from "./network.js";
import { Person } from "./person.js";
import { short } from "./text.js";
import { chatMessage, nameMessage, read } from "./words.js";

/** The publishable key of a development server. */
const KEY = "pk_live_dev";
const SERVER = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const MEASURE_MS = 1_000;

export class Room {
  #name;
  #channel;
  #onEnd;
  #network = new Network();
  #peer = new MeteredPeer({ apiKey: KEY, url: SERVER, logger, webSocketFactory: this.#network.open });
  #people = new Map();
  #me;
  #files = new Files();
  #chat;
  #lastId;
  #timer;
  #isOver = false;

  /** `name` is what the user is called. `onEnd(problem)` is called if it ends by itself. */
  constructor(channel, name, onEnd) {
    this.#channel = channel;
    this.#name = name;
    this.#onEnd = onEnd;
    this.#chat = new Chat(name, (text) => this.#peer.send(chatMessage(text)));
    this.#me = new Me(this.#peer, this.#network, name);
    at("people").replaceChildren(this.#me.element, at("alone"));
    this.#countPeople();
    this.#showState("joining");
    this.#listen();
  }

  async join() {
    this.#timer = setInterval(() => this.#measure(), MEASURE_MS);
    try {
      await this.#peer.join(this.#channel);
    } catch (error) {
      this.#end(`Could not join: ${error.message}.`);
    }
  }

  /** Leaves for good. */
  async leave() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#me.close();
    this.#files.close();
    this.#chat.close();
    for (const person of this.#people.values()) person.leave();
    await this.#peer.close();
    this.#network.close();
  }

  #listen() {
    // After we have left, the page may be showing another room.
    const on = (name, handler) => this.#peer.on(name, (event) => this.#isOver || handler(event));
    on("state-change", ({ from, to }) => this.#tellState(from, to));
    on("peer-joined", ({ peer: remote }) => {
      const person = new Person(remote, this.#chat, this.#files);
      this.#people.set(remote.id, person);
      at("alone").before(person.element);
      this.#countPeople();
      // Whoever comes tells everybody, and is told by everybody.
      remote.send(nameMessage(this.#name)).catch(() => {});
    });
    on("peer-left", ({ peer: remote }) => {
      const person = this.#people.get(remote.id);
      note(`${person?.name ?? short(remote.id)} left.`);
      person?.leave();
      this.#people.delete(remote.id);
      this.#countPeople();
    });
    on("data", ({ senderPeerId, data, kind }) => {
      const person = this.#people.get(senderPeerId);
      const said = read(data);
      if (said?.name) person?.rename(said.name);
      if (said?.text) this.#chat.show(senderPeerId, person?.name ?? short(senderPeerId), said.text, kind === "direct" && "to you only");
    });
    on("error", ({ err }) => note(`Error: ${err.message}`, "bad"));
    // By our own doing, or because the server wants no more of us.
    on("left", ({ reason }) => this.#end(`The connection is closed${reason ? `: ${reason}` : ""}.`));
  }

  #tellState(from, to) {
    this.#showState(to);
    const id = this.#peer.peerId;
    if (to === "reconnecting") note("The connection to the server is lost; the package is bringing it back.", "bad");
    if (to !== "joined") return;
    if (from === "joining") note(`You are in the room, as ${short(id)}.`, "good");
    else if (id === this.#lastId) note("The server is back and knows you; nothing was missed.", "good");
    else {
      note(`The server is back; for the others you are somebody new, ${short(id)}.`, "good");
      this.#peer.send(nameMessage(this.#name)).catch(() => {});
    }
    this.#lastId = id;
  }

  #showState(state) {
    at("status").textContent = state;
    at("status").dataset.state = state;
    this.#me.show(state, this.#peer.peerId);
  }

  async #measure() {
    for (const person of this.#people.values()) person.measure();
    const { latencyMs } = await this.#peer.getStats();
    if (!this.#isOver) this.#me.showLatency(latencyMs);
  }

  #countPeople() {
    at("alone").hidden = this.#people.size > 0;
  }

  #end(problem) {
    if (this.#isOver) return;
    this.leave();
    this.#onEnd(problem);
  }
}
