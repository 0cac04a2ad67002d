// Somebody else in the room: their card, and what happens on the connection to them.

import { DataChannel } from "/pkg/index.js";
import { Card } from "./card.js";
import { button, element } from "./dom.js";
import { note } from "./log.js";
import { sparkline } from "./sparkline.js";
import { readTelemetry } from "./telemetry.js";
import { bytes, milliseconds, short } from "./text.js";
import { FILE_PROTOCOL } from "./transfer.js";

/** The data channel for what is said to one person only. */
const CHAT = "chat";
const MOST_PLOTS = 2;
/** Most channels for the chat that somebody may open to us; each gives way to a later one. */
const MOST_CHAT_CHANNELS = 4;

export class Person {
  #remote;
  #chat;
  #files;
  #name;
  #card;
  #route = element("dd", { class: "route" }, "–");
  #kind = element("dd", { class: "kind" });
  #roundTrip = sparkline("Round trip");
  #traffic = sparkline("Traffic");
  #plots = new Map();
  #heard = [];
  #credentials;
  #isGone = false;
  #before;

  constructor(remote, chat, files) {
    this.#remote = remote;
    this.#chat = chat;
    this.#files = files;
    this.#name = short(remote.id);
    const route = element("div", { class: "figure" }, element("dt", {}, "Route"), this.#route, this.#kind);
    this.#card = new Card({ figures: [route, this.#roundTrip.element, this.#traffic.element], actions: this.#actions() });
    this.#card.setName(remote.id, this.#name);
    this.#card.setState(remote.state);
    this.#takeDrops(this.#card.element);
    this.#listen();
    this.#watchConnection();
    note(`${this.#name} is here.`);
  }

  get element() {
    return this.#card.element;
  }

  get name() {
    return this.#name;
  }

  rename(name) {
    if (name === this.#name) return;
    note(`${this.#name} is called ${name}.`);
    this.#name = name;
    this.#card.setName(this.#remote.id, name);
    this.#chat.rename(this.#remote.id, name);
    for (const made of this.#card.element.querySelectorAll("[data-names]")) made.ariaLabel = `${made.dataset.names} ${name}`;
  }

  /** Asks how the connection is, and draws it. */
  async measure() {
    let stats;
    try {
      stats = await this.#remote.getStats();
    } catch {
      return; // they have left meanwhile
    }
    if (this.#isGone) return;
    const { route, protocol, roundTripTimeMs, bytesSent, bytesReceived } = stats;
    const kind = [route, protocol].filter(Boolean).join(" · ");
    if (kind !== this.#kind.textContent) {
      this.#kind.textContent = kind;
      this.#route.textContent = route ? (route === "relay" ? "Relay" : "Direct") : "–";
      if (route) note(`${this.#name}: data goes ${route === "relay" ? "through a relay" : "directly from browser to browser"} (${kind}).`);
    }
    this.#roundTrip.add(roundTripTimeMs, roundTripTimeMs === undefined ? "–" : milliseconds(roundTripTimeMs));
    const now = { at: performance.now(), total: bytesSent + bytesReceived };
    // A new connection counts from 0 again.
    const rate = this.#before && now.total >= this.#before.total ? ((now.total - this.#before.total) * 1000) / (now.at - this.#before.at) : undefined;
    this.#before = now;
    this.#traffic.add(rate, rate === undefined ? "–" : `${bytes(rate)}/s`);
  }

  leave() {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const plot of this.#plots.values()) plot.stop();
    this.#chat.removePerson(this.#remote.id);
    this.#card.element.remove();
  }

  #actions() {
    const input = element("input", { type: "file", multiple: "", hidden: "", tabindex: "-1" });
    input.addEventListener("change", () => {
      this.#send([...input.files]);
      input.value = "";
    });
    const named = (text, words, symbol, onClick) =>
      button(text, { symbol, "data-names": words, accessibleName: `${words} ${this.#name}`, onClick });
    return [
      named("Send file", "Send a file to", "file", () => input.click()),
      named("Restart ICE", "Restart ICE with", "restart", () => {
        note(`You asked for an ICE restart with ${this.#name}.`, "you");
        this.#act(() => this.#remote.pc.restartIce());
      }),
      named("Kill connection", "Kill the connection to", "kill", () => {
        note(`You closed the connection to ${this.#name}.`, "you");
        this.#act(() => this.#remote.pc.close());
      }),
      input,
    ];
  }

  #act(action) {
    try {
      action();
    } catch (error) {
      note(`${this.#name}: ${error.message}`, "bad");
    }
  }

  #send(files) {
    if (!this.#isGone) this.#files.send(this.#remote, () => this.#name, files);
  }

  #takeDrops(card) {
    let depth = 0;
    const mark = (change) => {
      depth = change === 0 ? 0 : depth + change;
      card.classList.toggle("target", depth > 0);
    };
    card.addEventListener("dragenter", () => mark(1));
    card.addEventListener("dragleave", () => mark(-1));
    card.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(0);
      this.#send([...event.dataTransfer.files]);
    });
  }

  #listen() {
    const remote = this.#remote;
    remote.on("state-change", ({ to }) => this.#tellState(to));
    remote.on("connection-reset", () => {
      note(`${this.#name}: there is a new connection in place of the old one.`, "good");
      // Those that are still sent come again.
      this.#card.removePictures();
      this.#watchConnection();
    });
    remote.on("negotiation-error", ({ err }) => note(`${this.#name}: ${err.message}`, "bad"));
    remote.on("stream-added", ({ stream, metadata }) => {
      const label = this.#card.addPicture(stream.id, stream, metadata?.label ?? metadata?.role);
      note(`${this.#name} sends a stream: ${label}.`);
    });
    remote.on("stream-removed", ({ stream }) => this.#card.removePicture(stream.id));
    remote.on("data-track-published", ({ track }) => this.#read(track));
    remote.on("data-channel", ({ channel }) => {
      if (channel.protocol === FILE_PROTOCOL) this.#files.receive(remote, () => this.#name, channel);
      else if (channel.label === CHAT) this.#hear(new DataChannel(channel));
      else channel.close();
    });
    // Each side talks on the channel that it opened, which also makes the connection, and listens on both.
    const chat = remote.openDataChannel(CHAT);
    chat.on("open", () => note(`${this.#name}: the chat’s data channel is open.`, "good"));
    chat.on("close", () => !this.#isGone && note(`${this.#name}: the chat’s data channel is closed${chat.readyState === "connecting" ? " and will be opened again" : ""}.`));
    this.#hear(chat);
    this.#chat.addPerson(remote.id, this.#name, (text) => chat.send(text));
  }

  #hear(channel) {
    channel.on("message", ({ data }) => {
      if (typeof data === "string") this.#chat.show(this.#remote.id, this.#name, data, "to you only");
    });
    this.#heard.push(channel);
    // The first is ours.
    if (this.#heard.length > 1 + MOST_CHAT_CHANNELS) this.#heard.splice(1, 1)[0].close();
  }

  #read(track) {
    if (this.#plots.size >= MOST_PLOTS) return;
    note(`${this.#name} publishes a data track.`);
    const plot = readTelemetry(track, () => this.#name, () => this.#plots.delete(track));
    this.#plots.set(track, plot);
    this.#card.extra.append(plot.element);
  }

  #tellState(state) {
    this.#card.setState(state);
    if (this.#isGone || state === "closed") return;
    const [words, kind] = {
      idle: ["not connected"],
      connecting: ["connecting…"],
      connected: ["connected.", "good"],
      reconnecting: ["the connection is gone or disturbed; the package is bringing it back.", "bad"],
    }[state];
    note(`${this.#name}: ${words}`, kind);
  }

  /** Tells of ICE restarts, which show in new credentials and nowhere else. */
  #watchConnection() {
    const { pc } = this.#remote;
    this.#credentials = undefined;
    this.#before = undefined;
    pc.addEventListener("signalingstatechange", () => {
      if (pc !== this.#remote.pc || pc.signalingState !== "stable") return;
      const credentials = /^a=ice-ufrag:\S+/mu.exec(pc.currentLocalDescription?.sdp ?? "")?.[0];
      if (this.#credentials !== undefined && credentials !== undefined && credentials !== this.#credentials) {
        note(`${this.#name}: ICE was restarted. Channels and streams go on.`, "good");
      }
      this.#credentials = credentials ?? this.#credentials;
    });
  }
}
