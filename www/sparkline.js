// A small line of the latest values, scaled to the highest of them.

import { drawing, element } from "./dom.js";

const [WIDTH, HEIGHT] = [100, 24];
const VALUES = 60;

/** A figure with its line: `element` for the page, and `add(value, text)`, where undefined is a gap in the line. */
export const sparkline = (label) => {
  const path = drawing("path", { "vector-effect": "non-scaling-stroke" });
  const text = element("dd", {}, "–");
  const line = drawing("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  const values = [];
  return {
    element: element("div", { class: "figure" }, element("dt", {}, label), text, element("dd", { class: "line" }, line)),
    add(value, words) {
      values.push(value);
      if (values.length > VALUES) values.shift();
      text.textContent = words;
      path.setAttribute("d", pathOf(values));
    },
  };
};

/** The newest value stands at the right edge. */
const pathOf = (values) => {
  const top = Math.max(...values.filter((value) => value !== undefined), Number.MIN_VALUE);
  const step = WIDTH / (VALUES - 1);
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value !== undefined) {
      const x = WIDTH - (values.length - 1 - index) * step;
      const y = HEIGHT - 1 - (value / top) * (HEIGHT - 3);
      path += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    }
    isDrawing = value !== undefined;
  });
  return path;
};
