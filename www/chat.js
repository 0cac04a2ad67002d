// The chat. To everybody it goes by way of the server; to one person over a data channel, which no server can read.

import { addLine, at, clock, element, face } from "./dom.js";
import { LONGEST_TEXT } from "./words.js";
import { clean } from "./text.js";

const EVERYBODY = "";

export class Chat {
  #ends = new AbortController();
  /** The option of each person who can be written to alone, and how that is done. */
  #people = new Map();

  #me;

  /** `me` is what the user is called. `say(text)` tells everybody; it rejects if that fails. */
  constructor(me, say) {
    this.#me = me;
    at("to").replaceChildren(element("option", { value: EVERYBODY }, "Everybody, through the server"));
    at("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(say);
    }, { signal: this.#ends.signal });
  }

  close() {
    this.#ends.abort();
  }

  /** Lets the user write to somebody alone. */
  addPerson(id, name, say) {
    const option = element("option", { value: id }, `${name}, browser to browser`);
    this.#people.set(id, { option, say, name });
    at("to").append(option);
  }

  rename(id, name) {
    const person = this.#people.get(id);
    if (person === undefined) return;
    person.name = name;
    person.option.textContent = `${name}, browser to browser`;
  }

  removePerson(id) {
    this.#people.get(id)?.option.remove();
    this.#people.delete(id);
  }

  /** Shows what somebody has said; `way` is a note on how it came. */
  show(id, name, text, way) {
    const said = clean(text, LONGEST_TEXT);
    if (said !== "") addMessage("message", face(id, name), name, said, way);
  }

  async #submit(sayToAll) {
    const text = at("text").value.trim();
    if (text === "") return;
    const person = this.#people.get(at("to").value);
    at("text").value = "";
    hint("");
    try {
      await (person ? person.say(text) : sayToAll(text));
    } catch (error) {
      if (this.#ends.signal.aborted) return;
      // What was not sent is not lost.
      if (at("text").value === "") at("text").value = text;
      return hint(`Not sent: ${error.message}`);
    }
    if (!this.#ends.signal.aborted) addMessage("message mine", face("you", this.#me), "You", text, person && `to ${person.name} only`);
    return undefined;
  }
}

const addMessage = (className, picture, name, text, way) => {
  const head = element("p", { class: "who" }, name, clock(), way && element("span", { class: "way" }, way));
  addLine(at("messages"), element("div", { class: className }, picture, head, element("p", { class: "text" }, text)));
};

const hint = (text) => {
  at("hint").textContent = text;
};
