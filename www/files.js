// The panel of files: what is offered, on its way, and here. How many there may be is bounded, for each person and in all.

import { at, button, element } from "./dom.js";
import { note } from "./log.js";
import { Receiving, Sending } from "./transfer.js";
import { bytes, seconds } from "./text.js";

/** Most transfers with one person that have not ended, either way. More that are offered are closed. */
const MOST_WITH_ONE = 4;
/** Most rows; the oldest that have ended give way, with what they hold. */
const MOST_ROWS = 12;

export class Files {
  #transfers = new Map();

  #ends = new AbortController();

  constructor() {
    // The panel may be out of sight when somebody offers a file.
    at("offers").addEventListener("click", () => {
      const first = [...this.#transfers].find(([transfer]) => isOffered(transfer));
      first?.[1].focus();
    }, { signal: this.#ends.signal });
  }

  /** Offers files to somebody. `name()` is what they are called. */
  send(remote, name, files) {
    for (const file of files) {
      if (this.#openWith(remote) >= MOST_WITH_ONE) return note(`Only ${MOST_WITH_ONE} files at a time go to ${name()}.`, "bad");
      this.#show(new Sending(remote, file), remote, name);
    }
    return undefined;
  }

  /** Takes a channel of somebody who may offer a file. */
  receive(remote, name, channel) {
    if (this.#openWith(remote) >= MOST_WITH_ONE || this.#openInAll() >= MOST_ROWS) return channel.close();
    const transfer = new Receiving(channel, () => {
      note(`${name()} offers the file ${transfer.name}, ${bytes(transfer.size)}.`);
      this.#show(transfer, remote, name);
    });
    // It counts from now on, with or without an offer.
    this.#transfers.set(transfer, { remote, remove: () => {}, focus: () => {} });
    transfer.onChange = () => transfer.isOver && this.#transfers.delete(transfer);
    return undefined;
  }

  close() {
    for (const [transfer, { remove }] of this.#transfers) {
      transfer.cancel();
      remove();
    }
    this.#transfers.clear();
    this.#countOffers();
    this.#ends.abort();
  }

  #countOffers() {
    const count = [...this.#transfers.keys()].filter(isOffered).length;
    at("offers").hidden = count === 0;
    at("offers").textContent = count === 1 ? "A file is offered to you" : `${count} files are offered to you`;
  }

  #openInAll() {
    return [...this.#transfers.keys()].filter((transfer) => !transfer.isOver).length;
  }

  #openWith(remote) {
    return [...this.#transfers].filter(([transfer, entry]) => entry.remote === remote && !transfer.isOver).length;
  }

  #show(transfer, remote, name) {
    const row = rowOf(transfer, name, () => {
      row.remove();
      this.#transfers.delete(transfer);
    });
    this.#transfers.delete(transfer);
    this.#transfers.set(transfer, { remote, ...row });
    at("transfers").prepend(row.element);
    for (const [old, entry] of this.#transfers) {
      if (this.#transfers.size <= MOST_ROWS) break;
      if (!old.isOver) continue;
      entry.remove();
      this.#transfers.delete(old);
    }
    let wasOver = false;
    transfer.onChange = () => {
      row.update();
      this.#countOffers();
      if (!transfer.isOver || wasOver) return;
      wasOver = true;
      const [verb, way] = transfer.direction === "out" ? ["Sent", `to ${name()}`] : ["Received", `from ${name()}`];
      if (transfer.state === "done") note(`${verb} ${transfer.name} ${way}; ${hashWords(transfer)}.`, "good");
      else note(`The file ${transfer.name} ${way} was ${transfer.state === "failed" ? "lost" : "cancelled"}: ${transfer.problem}.`, "bad");
    };
    row.update();
    this.#countOffers();
  }
}

/** Whether the user has to say something to it. */
const isOffered = ({ direction, state, name }) => direction === "in" && state === "offered" && name !== "";

const hashWords = ({ isCompared }) => (isCompared ? "its SHA-256 is right" : "its hash was not compared");

/** What a transfer's row says below its name. */
const words = (transfer) => {
  const { state, moved, size, speed, timeLeft, problem } = transfer;
  switch (state) {
    case "hashing": return "Computing its hash…";
    case "offered": return transfer.direction === "out" ? `${bytes(size)} · waiting for an answer` : `${bytes(size)} · is offered to you`;
    case "moving": return [
      `${bytes(moved)} of ${bytes(size)}`,
      speed !== undefined && `${bytes(speed)}/s`,
      timeLeft !== undefined && `${seconds(timeLeft)} left`,
    ].filter(Boolean).join(" · ");
    case "checking": return `${bytes(size)} · comparing hashes…`;
    case "done": return `${bytes(size)} · ${transfer.direction === "out" ? "sent" : "received"}, ${hashWords(transfer)}`;
    default: return `${state === "failed" ? "Failed" : "Cancelled"}: ${problem}`;
  }
};

/** A row of the panel; `remove()` takes it away with the file that it holds. */
const rowOf = (transfer, name, onDismiss) => {
  let url;
  const about = element("p", { class: "quiet" });
  const progress = element("progress", { max: "1", value: "0", "aria-label": `Progress of ${transfer.name}` });
  const actions = element("div", { class: "row" });
  const way = transfer.direction === "out" ? `to ${name()}` : `from ${name()}`;
  const title = element("p", { class: "file-name" }, element("strong", {}, transfer.name), element("span", { class: "quiet" }, ` ${way}`));
  const row = element("li", { class: "transfer" }, element("div", { class: "grow" }, title, about, progress), actions);
  const { name: file } = transfer;

  const buttons = () => {
    if (transfer.state === "done" && transfer.blob) {
      url ??= URL.createObjectURL(transfer.blob);
      return [element("a", { class: "button primary", href: url, download: file, "aria-label": `Save ${file}` }, "Save"), dismiss()];
    }
    if (transfer.isOver) return [dismiss()];
    if (transfer.direction === "in" && transfer.state === "offered") {
      return [
        button("Accept", { class: "primary", accessibleName: `Accept ${file}`, onClick: () => transfer.accept() }),
        button("Decline", { accessibleName: `Decline ${file}`, onClick: () => transfer.cancel() }),
      ];
    }
    return [button("Cancel", { accessibleName: `Cancel ${file}`, onClick: () => transfer.cancel() })];
  };
  const dismiss = () => button("Dismiss", { accessibleName: `Dismiss ${file}`, onClick: onDismiss });

  let shown;
  return {
    element: row,
    update() {
      about.textContent = words(transfer);
      progress.value = transfer.state === "done" ? 1 : transfer.size > 0 ? transfer.moved / transfer.size : 0;
      progress.hidden = !["moving", "checking"].includes(transfer.state);
      if (shown === transfer.state) return;
      shown = row.dataset.state = transfer.state;
      // Whoever stands on a button of this row with the keyboard stays in it.
      const hadFocus = actions.contains(document.activeElement);
      actions.replaceChildren(...buttons());
      if (hadFocus) actions.firstElementChild?.focus();
    },
    focus() {
      actions.firstElementChild?.focus();
    },
    remove() {
      row.remove();
      if (url !== undefined) URL.revokeObjectURL(url);
    },
  };
};
