// A small line of the latest values, scaled to the highest of them.

import { drawing, element } from "./dom.js";

const [WIDTH, HEIGHT] = [100, 24];
const VALUES = 40;

/** A figure with its line: `element` for the page, and `add(value, text)`, where undefined is a gap in the line. */
export const sparkline = (label) => {
  const path = drawing("path", { class: "stroke", "vector-effect": "non-scaling-stroke" });
  const area = drawing("path", { class: "area" });
  const text = element("dd", {}, "–");
  const line = drawing("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, area, path);
  const values = [];
  return {
    element: element("div", { class: "figure" }, element("dt", {}, label), text, element("dd", { class: "line" }, line)),
    add(value, words) {
      values.push(value);
      if (values.length > VALUES) values.shift();
      text.textContent = words;
      const runs = runsOf(values);
      path.setAttribute("d", runs.map((points) => `M${points.join("L")}`).join(""));
      area.setAttribute("d", runs.map((points) => `M${x(points[0])} ${HEIGHT}L${points.join("L")}L${x(points.at(-1))} ${HEIGHT}Z`).join(""));
    },
  };
};

const x = (point) => point.split(" ")[0];

/** The points of each stretch without a gap. The newest value stands at the right edge. */
const runsOf = (values) => {
  const top = Math.max(...values.filter((value) => value !== undefined), Number.MIN_VALUE);
  const step = WIDTH / (VALUES - 1);
  const runs = [[]];
  values.forEach((value, index) => {
    const left = WIDTH - (values.length - 1 - index) * step;
    if (value === undefined) runs.push([]);
    else runs.at(-1).push(`${left.toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1)}`);
  });
  return runs.filter((points) => points.length > 0);
};
