// The card of somebody in the room: their pictures on top, then who they are and how they are connected.

import { element, face } from "./dom.js";
import { clean, short } from "./text.js";

const MOST_PICTURES = 4;
const LONGEST_LABEL = 60;

export class Card {
  /** Goes between the figures and the buttons. */
  extra = element("div", { class: "extra" });
  #pictures = new Map();
  #stage;
  #blank = element("div", { class: "blank" });
  #id = element("span", { class: "id" });
  #name = element("h4");
  #pill = element("span", { class: "pill" });

  /** `figures` and `actions` are elements of the caller's. */
  constructor({ className = "", figures, actions }) {
    this.#stage = element("div", { class: "stage" }, this.#blank);
    const title = element("div", { class: "title" }, element("div", { class: "grow" }, this.#name, this.#id), this.#pill);
    this.element = element("li", { class: `card ${className}` }, this.#stage,
      element("div", { class: "body" }, title, element("dl", { class: "figures" }, ...figures), this.extra, element("div", { class: "actions" }, ...actions)));
  }

  /** `note` is what stands below the name. */
  setName(id, name, note = short(id)) {
    this.#name.textContent = name;
    this.#id.textContent = note;
    this.#id.title = id;
    this.#blank.replaceChildren(face(id, name));
  }

  setState(state, words = state) {
    this.#pill.textContent = words;
    this.#pill.dataset.state = state;
  }

  /** Shows a stream; one that is there already under this key gives way. Answers the label that it has. */
  addPicture(key, stream, label) {
    const said = clean(label, LONGEST_LABEL) || "Stream";
    if (this.#pictures.has(key)) {
      this.#pictures.get(key).querySelector("video").srcObject = stream;
      return said;
    }
    if (this.#pictures.size >= MOST_PICTURES) return said;
    const video = element("video", { "aria-label": said });
    // As properties: `muted` has to be one, or nothing plays without a click.
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: stream });
    const picture = element("figure", { class: "picture" }, video, element("figcaption", {}, said));
    this.#pictures.set(key, picture);
    this.#stage.append(picture);
    this.#countPictures();
    return said;
  }

  removePicture(key) {
    const picture = this.#pictures.get(key);
    if (picture === undefined) return;
    picture.querySelector("video").srcObject = null;
    picture.remove();
    this.#pictures.delete(key);
    this.#countPictures();
  }

  removePictures() {
    for (const key of [...this.#pictures.keys()]) this.removePicture(key);
  }

  #countPictures() {
    this.#stage.dataset.pictures = String(this.#pictures.size);
    this.#blank.hidden = this.#pictures.size > 0;
  }
}
