// Helpers for the page's elements. What other peers say reaches the page as text only: no function here takes markup.

/** Most lines of a list that grows by itself. */
const MOST_LINES = 200;

export const at = (id) => document.getElementById(id);

/** An element with these attributes and children. Texts become text nodes; `false`, null and undefined are left out. */
export const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
};

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export const drawing = (name, attributes = {}, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** A symbol of index.html. The text beside it says what it means. */
export const icon = (name) => drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: `#icon-${name}` }));

/** A button that does something. With `accessibleName` it is read as that. */
export const button = (text, { symbol, accessibleName, onClick, ...attributes }) => {
  const made = element("button", { type: "button", "aria-label": accessibleName, ...attributes }, symbol && icon(symbol), element("span", {}, text));
  made.addEventListener("click", onClick);
  return made;
};

/** The time of day, now. */
export const clock = () => {
  const date = new Date();
  return element("time", { datetime: date.toISOString() }, date.toLocaleTimeString([], { timeStyle: "medium", hourCycle: "h23" }));
};

/** Lists whose readers have scrolled away from the end, and the sizes of those whose ends are shown. */
const away = new WeakSet();
const sizes = new WeakMap();

const sizeOf = (list) => `${list.scrollHeight} ${list.clientHeight}`;

const showEnd = (list) => {
  if (away.has(list)) return;
  list.scrollTop = list.scrollHeight;
  sizes.set(list, sizeOf(list));
};

/** Has a list show its end, whatever its size and its lines, unless its reader scrolls away. */
export const followEnd = (list) => {
  list.addEventListener("scroll", () => {
    if (list.scrollHeight - list.scrollTop - list.clientHeight < 40) away.delete(list);
    // Of a list that has another size than before nobody knows who has scrolled it.
    else if (sizeOf(list) === sizes.get(list)) away.add(list);
    else showEnd(list);
  });
  new ResizeObserver(() => showEnd(list)).observe(list);
};

/** Adds a line to a list, and keeps the list short. */
export const addLine = (list, line) => {
  list.append(line);
  while (list.childElementCount > MOST_LINES) list.firstElementChild.remove();
  showEnd(list);
};

/** A circle with the first letters of a name, in a hue that stays with an id. */
export const face = (id, name) => {
  const hue = [...id].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);
  const letters = name.split(/\s+/u).slice(0, 2).map((word) => [...word][0] ?? "").join("");
  const made = element("span", { class: "face", "aria-hidden": "true" }, letters.toUpperCase());
  made.style.setProperty("--hue", hue);
  return made;
};
