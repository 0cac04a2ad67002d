// A picture of what was compared: one bar for each variant's quotient by the base of its table, with its quartiles.

import * as echarts from "echarts";

const ROW = 26;
const MARGIN = { left: 560, right: 90, top: 70, bottom: 30 };
const WIDTH = 1_200;
const [OURS, CONTROL, OTHERS, LINE] = ["#2563eb", "#9ca3af", "#d1a054", "#374151"];

const colour = (name) => (name.endsWith(" again") ? CONTROL : name.startsWith("ours") ? OURS : OTHERS);

/** The bars, the first at the top: what took less time, or the inverse of what came to more, so that short is good. */
const barsOf = (tables) =>
  tables.flatMap(({ title, base, better, rows }) => rows.filter(({ of }) => of && Number.isFinite(of.median)).map(({ name, of }, at) => {
    const [value, low, high] = better === "less" ? [of.median, of.q1, of.q3] : [1 / of.median, 1 / of.q3, 1 / of.q1];
    return { label: `${at === 0 ? `${title}, next to ${base}\n` : ""}${name}`, name, value, low, high };
  }));

/** An SVG document of the tables that `compare` made. */
export const plot = (tables) => {
  const bars = barsOf(tables.filter(({ rows }) => rows[0]?.median !== undefined)).reverse();
  const height = bars.length * ROW + MARGIN.top + MARGIN.bottom;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const whisker = (params, api) => {
    const [low, high] = [1, 2].map((at) => api.coord([api.value(at), api.value(0)]));
    const line = ([x1, y1], [x2, y2]) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: LINE, lineWidth: 1.2 } });
    return { type: "group", children: [line(low, high), ...[low, high].map(([x, y]) => line([x, y - 4], [x, y + 4]))] };
  };
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    title: { text: "Time taken, as a part of the base's (short is good; medians of quotients within a round, quartiles)", left: 10, top: 10, textStyle: { fontSize: 14 } },
    grid: MARGIN,
    xAxis: { type: "value", min: 0, max: ({ max }) => Math.min(Math.ceil(max * 10) / 10, 3), position: "top" },
    yAxis: { type: "category", data: bars.map(({ label }) => label), axisLabel: { fontSize: 10, lineHeight: 12, interval: 0 }, axisTick: { show: false } },
    series: [
      {
        type: "bar", barWidth: 12, clip: true,
        data: bars.map(({ name, value }) => ({ value, itemStyle: { color: colour(name) } })),
        label: { show: true, position: "right", distance: 30, formatter: ({ value }) => value.toFixed(2), fontSize: 10 },
        markLine: { symbol: "none", silent: true, label: { show: false }, lineStyle: { color: LINE, type: "solid" }, data: [{ xAxis: 1 }] },
      },
      { type: "custom", clip: true, z: 5, renderItem: whisker, data: bars.map(({ low, high }, at) => [at, low, high]) },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
};
