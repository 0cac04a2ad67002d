// Our own card: what we send to everybody, and the way to the server.

import { Card } from "./card.js";
import { button } from "./dom.js";
import { note } from "./log.js";
import { Media, SOURCES } from "./media.js";
import { sparkline } from "./sparkline.js";
import { publishTelemetry } from "./telemetry.js";
import { milliseconds, short } from "./text.js";

const CUT_MS = 3_000;

export class Me {
  #name;
  #media;
  #telemetry;
  #latency = sparkline("Round trip to the server");
  #card;

  constructor(peer, network, name) {
    this.#name = name;
    const toggles = Object.entries(SOURCES).map(([role, { label }]) =>
      button(label, { symbol: role, "aria-pressed": "false", "data-role": role, onClick: () => this.#media.toggle(role) }));
    const telemetry = button("Telemetry", { symbol: "telemetry", "aria-pressed": "false", onClick: () => this.#toggleTelemetry(peer, telemetry) });
    const cut = button("Cut signalling", {
      symbol: "cut",
      onClick: () => {
        note(`You took the server away for ${CUT_MS / 1000} s. The connections between the browsers go on.`, "you");
        network.cut(CUT_MS);
      },
    });
    this.#card = new Card({ className: "me", figures: [this.#latency.element], actions: [...toggles, telemetry, cut] });
    this.#card.setName("you", name, "This is you");
    this.#media = new Media(peer, name, (role, stream, label) => {
      toggles.find(({ dataset }) => dataset.role === role).ariaPressed = String(stream !== undefined);
      if (stream) this.#card.addPicture(role, stream, label);
      else this.#card.removePicture(role);
    });
  }

  get element() {
    return this.#card.element;
  }

  /** Shows the state of the room, and the id that we have in it. */
  show(state, id) {
    this.#card.setState(state);
    if (id) this.#card.setName(id, this.#name, `This is you, ${short(id)}`);
  }

  showLatency(latencyMs) {
    this.#latency.add(latencyMs, latencyMs === undefined ? "–" : milliseconds(latencyMs));
  }

  close() {
    this.#media.close();
    this.#telemetry?.stop();
  }

  #toggleTelemetry(peer, toggle) {
    if (this.#telemetry) {
      this.#telemetry.stop();
      this.#telemetry = undefined;
      note("Telemetry: you do not publish it any more.", "you");
    } else {
      try {
        this.#telemetry = publishTelemetry(peer);
      } catch (error) {
        return note(`Telemetry: ${error.message}`, "bad");
      }
      this.#card.extra.append(this.#telemetry.element);
      note("Telemetry: you publish 60 frames a second.", "you");
    }
    toggle.ariaPressed = String(this.#telemetry !== undefined);
    return undefined;
  }
}
