// The demo: join a room, see who is there, chat over peer-to-peer data channels.
//
// The room is the hash of the page's address, so the address is the link to share. What peers send is untrusted:
// it is cut to length and reaches the page through `textContent` only.

import { DataChannel, MeteredPeer } from "/pkg/index.js";

const KEY = "pk_live_dev";
const SERVER = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const LABEL = "chat";
const LONGEST_TEXT = 4000;
const MOST_LINES = 200;

const at = (id) => document.getElementById(id);

// ---- the room

/** One stay in one room. */
class Stay {
  #room;
  #over = false;
  /** For each remote peer: its card, and the channel on which we talk to it. */
  #remotes = new Map();
  #myCard;
  #peer = new MeteredPeer({ apiKey: KEY, url: SERVER, logger: { warn: note, error: note } });

  constructor(room) {
    this.#room = room;
    this.#peer.on("state-change", ({ from, to }) => {
      note(`room: ${from} → ${to}`);
      this.#showMe(to);
    });
    this.#peer.on("peer-joined", ({ peer: remote }) => this.#welcome(remote));
    this.#peer.on("peer-left", ({ peer: remote }) => this.#farewell(remote));
    this.#peer.on("error", ({ err }) => note(`error: ${err.message}`));
    // By our own doing, or because the server wants no more of us.
    this.#peer.on("left", ({ reason }) => this.#end(`The connection is closed${reason ? `: ${reason}` : ""}.`));
  }

  async join() {
    try {
      await this.#peer.join(this.#room);
    } catch (error) {
      this.#end(`Could not join: ${error.message}.`);
    }
  }

  leave() {
    this.#over = true;
    return this.#peer.close();
  }

  /** Says something to everybody; answers whether anybody can have heard it. */
  async say(text) {
    const open = [...this.#remotes.values()].map(({ channel }) => channel).filter((channel) => channel.readyState === "open");
    const results = await Promise.allSettled(open.map((channel) => channel.send(text)));
    for (const { reason } of results) if (reason) note(`not sent: ${reason.message}`);
    const said = results.some(({ status }) => status === "fulfilled");
    if (said) addMessage(this.#peer.peerId, text, true);
    return said;
  }

  #welcome(remote) {
    const card = addCard(remote.id, remote.state);
    note(`${short(remote.id)}: is here`);
    remote.on("state-change", ({ from, to }) => {
      note(`${short(remote.id)}: ${from} → ${to}`);
      card.show(to);
    });
    // Each side talks on the channel that it opened and listens on both.
    remote.on("data-channel", ({ channel }) => {
      if (channel.label === LABEL) this.#listen(remote, new DataChannel(channel));
    });
    remote.on("connection-reset", () => note(`${short(remote.id)}: has a new connection`));
    remote.on("negotiation-error", ({ err }) => note(`${short(remote.id)}: ${err.message}`));
    const channel = remote.openDataChannel(LABEL);
    channel.on("open", () => {
      note(`${short(remote.id)}: data channel open`);
      card.talk(true);
      hint("");
    });
    channel.on("close", () => card.talk(false));
    this.#listen(remote, channel);
    this.#remotes.set(remote, { card, channel });
    countPeople();
  }

  #listen(remote, channel) {
    channel.on("message", ({ data }) => {
      const text = typeof data === "string" ? data.slice(0, LONGEST_TEXT) : `(${data.byteLength} bytes)`;
      addMessage(remote.id, text);
    });
  }

  #farewell(remote) {
    note(`${short(remote.id)}: left`);
    this.#remotes.get(remote)?.card.remove();
    this.#remotes.delete(remote);
    countPeople();
  }

  #showMe(state) {
    if (this.#over) return;
    at("status").textContent = state;
    at("status").dataset.state = state;
    // A publishable key brings another id at each reconnect.
    const id = this.#peer.peerId;
    if (state !== "joined" || id === this.#myCard?.id) return;
    this.#myCard?.remove();
    this.#myCard = addCard(id, "you");
  }

  #end(problem) {
    if (this.#over) return;
    this.#over = true;
    showLobby(this.#room, problem);
  }
}

// ---- the page

/** Peer ids are long; their beginnings tell them apart well enough. */
const short = (id) => id.slice(0, 8);

/** A hue that stays with an id. */
const hue = (id) => [...id].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);

const element = (name, className, text = "") => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
};

const face = (id) => {
  const made = element("span", "face", id.slice(0, 2));
  made.style.setProperty("--hue", hue(id));
  made.ariaHidden = "true";
  return made;
};

/** Adds a line to a list, keeps the list short, and follows its end unless the reader has scrolled away. */
const addLine = (list, line) => {
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(line);
  while (list.childElementCount > MOST_LINES) list.firstElementChild.remove();
  if (follows) list.scrollTop = list.scrollHeight;
};

const now = () => {
  const date = new Date();
  const made = element("time", "", date.toLocaleTimeString([], { timeStyle: "medium", hourCycle: "h23" }));
  made.dateTime = date.toISOString();
  return made;
};

function note(text) {
  const line = element("li", "");
  line.append(now(), element("span", "", text));
  addLine(at("events"), line);
}

const addMessage = (id, text, mine = false) => {
  const line = element("div", mine ? "message mine" : "message");
  const head = element("p", "who", mine ? "you" : short(id));
  head.append(now());
  line.append(face(id), head, element("p", "text", text));
  addLine(at("messages"), line);
};

const addCard = (id, state) => {
  const card = element("li", "card");
  const pill = element("span", "pill");
  const about = element("span", "about");
  const name = element("span", "id", short(id));
  name.title = id;
  card.append(face(id), name, pill, about);
  const show = (next) => {
    pill.textContent = next;
    pill.dataset.state = next;
  };
  const talk = (open) => {
    about.textContent = open ? "data channel open" : "data channel closed";
  };
  show(state);
  about.textContent = state === "you" ? "this tab" : "opening a data channel";
  if (state === "you") at("people").prepend(card);
  else at("people").append(card);
  return { id, show, talk, remove: () => card.remove() };
};

const countPeople = () => {
  const others = at("people").querySelectorAll(".pill:not([data-state=you])").length;
  at("alone").hidden = others > 0;
};

const hint = (text) => {
  at("hint").textContent = text;
};

const showLobby = (room = "", problem = "") => {
  document.title = "metered-realtime";
  at("status").textContent = "";
  at("stay").hidden = true;
  at("lobby").hidden = false;
  at("problem").textContent = problem;
  at("room").value = room;
  at("room").focus();
};

const showStay = (room) => {
  document.title = `${room} · metered-realtime`;
  at("lobby").hidden = true;
  at("stay").hidden = false;
  at("name").textContent = room;
  for (const id of ["people", "messages", "events"]) at(id).replaceChildren();
  hint("");
  countPeople();
  at("log").open = matchMedia("(min-width: 48rem)").matches;
  at("name").focus();
};

// ---- what the user does

let stay;

/** The room that the address names, if any. */
const roomOfAddress = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
};

/** Goes where the address says. */
const follow = () => {
  const room = roomOfAddress();
  stay?.leave();
  stay = undefined;
  if (room === "") return showLobby();
  showStay(room);
  stay = new Stay(room);
  stay.join();
};

at("lobby").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = at("room").value.trim();
  if (room === "" || room === roomOfAddress()) follow();
  else location.hash = encodeURIComponent(room);
});

at("leave").addEventListener("click", () => {
  location.hash = "";
});

at("copy").addEventListener("click", async () => {
  const button = at("copy");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from the address bar";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
});

at("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  const speaker = stay;
  if (text === "" || speaker === undefined) return;
  at("text").value = "";
  if (await speaker.say(text)) return;
  if (at("text").value === "") at("text").value = text;
  hint("Nobody can hear you yet.");
});

addEventListener("hashchange", follow);
follow();
