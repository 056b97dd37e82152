// Draws the figures of the page into elements with a data-chart, at the width they have: text keeps its size on a phone
// and on paper. CHARTS (name -> {kind, …}) is written by page.py.
"use strict";

const svgNs = "http://www.w3.org/2000/svg";

function add(parent, tag, attributes = {}, text) {
  const node = document.createElementNS(svgNs, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

const color = (name) => `var(--${name})`;

function format(value, digits) {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// Round steps of 1, 2 or 5 times a power of ten, about `count` of them from 0 to `top`.
function ticks(top, count) {
  const raw = top / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let value = 0; value <= top * 1.0001; value += step) found.push(value);
  return { step, found };
}

const digitsOf = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));

function measureText(text, size = 12) {
  measureText.context ||= document.createElement("canvas").getContext("2d");
  measureText.context.font = `${size}px system-ui, "Segoe UI", Roboto, Arial, "DejaVu Sans", sans-serif`;
  return measureText.context.measureText(text).width;
}

function canvas(host, height) {
  const width = Math.max(260, host.clientWidth);
  const svg = add(host, "svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" });
  if (host.dataset.title) add(svg, "title", {}, host.dataset.title);
  return { svg, width };
}

// On narrow pages labels stand above their bars, else to the left of them.
function rows(host, chart, top, valueText, drawRow) {
  const labels = chart.rows.map((row) => row.label);
  const widest = Math.max(...labels.map((label) => measureText(label)));
  const right = Math.max(...chart.rows.map((row) => measureText(valueText(row)))) + 12;
  const above = widest > host.clientWidth * 0.4;
  const left = above ? 0 : Math.ceil(widest) + 12;
  const step = above ? 40 : 26;
  const foot = 38;
  const { svg, width } = canvas(host, chart.rows.length * step + foot);
  const plot = width - left - right;
  const x = (value) => left + (value / top) * plot;
  const bottom = chart.rows.length * step;
  const { step: unit, found } = ticks(top, plot / 70);
  for (const tick of found) {
    add(svg, "line", { class: "gridline", x1: x(tick), x2: x(tick), y1: 0, y2: bottom });
    add(svg, "text", { class: "soft", x: x(tick), y: bottom + 15, "text-anchor": tick ? "middle" : "start" }, format(tick, digitsOf(unit)));
  }
  add(svg, "text", { class: "soft", x: left, y: bottom + 32 }, chart.unit);
  chart.rows.forEach((row, i) => {
    const y = i * step + (above ? 18 : 4);
    if (above) add(svg, "text", { x: 0, y: y - 5 }, row.label);
    else add(svg, "text", { x: left - 10, y: y + 13, "text-anchor": "end" }, row.label);
    const end = drawRow(svg, row, x, y, 18);
    add(svg, "text", { x: end + 7, y: y + 13 }, valueText(row));
  });
}

// Bars with whiskers from the smallest to the largest run.
function bars(host, chart) {
  const top = Math.max(...chart.rows.map((row) => row.max ?? row.value)) * 1.02 || 1;
  rows(host, chart, top, (row) => format(row.value, chart.digits), (svg, row, x, y, height) => {
    add(svg, "rect", { x: x(0), y, width: Math.max(1, x(row.value) - x(0)), height, rx: 1.5, fill: color(row.color) });
    if (row.max > row.min) {
      const middle = y + height / 2;
      add(svg, "path", { class: "whisker", fill: "none",
        d: `M${x(row.min)} ${middle - 4}v8M${x(row.min)} ${middle}H${x(row.max)}M${x(row.max)} ${middle - 4}v8` });
    }
    return x(Math.max(row.value, row.max ?? 0));
  });
}

// A dot for the median of each of several quantiles, joined by a line: [p50, p99].
function dots(host, chart) {
  const top = Math.max(...chart.rows.flatMap((row) => row.values)) * 1.02;
  const text = (row) => row.values.map((value) => format(value, 0)).join(" / ");
  rows(host, chart, top, text, (svg, row, x, y, height) => {
    const middle = y + height / 2;
    const [first, last] = [row.values[0], row.values[row.values.length - 1]];
    add(svg, "line", { x1: x(first), x2: x(last), y1: middle, y2: middle, stroke: color(row.color), "stroke-width": 3, opacity: 0.45 });
    row.values.forEach((value, i) =>
      add(svg, "circle", { cx: x(value), cy: middle, r: i ? 4 : 5.5, fill: i ? "var(--ground)" : color(row.color), stroke: color(row.color), "stroke-width": 2 }));
    return x(last) + 3;
  });
}

// Bars of parts, and a mark for what the bare parts cost.
function stacks(host, chart) {
  const total = (row) => row.parts.reduce((sum, part) => sum + part[1], 0);
  const top = Math.max(...chart.rows.map((row) => Math.max(total(row), row.mark ?? 0))) * 1.02;
  const used = new Set(chart.rows.flatMap((row) => row.parts.map((part) => part[0])));
  const names = chart.order.filter((name) => used.has(name));
  legend(host, names.map((name) => [name, `s${chart.order.indexOf(name)}`]));
  rows(host, chart, top, (row) => format(total(row), 0), (svg, row, x, y, height) => {
    let at = 0;
    for (const [name, value] of row.parts) {
      const part = add(svg, "rect", { x: x(at), y, width: Math.max(0, x(at + value) - x(at) - 0.7), height, fill: color(`s${chart.order.indexOf(name)}`) });
      add(part, "title", {}, `${name}: ${format(value, 1)} ns`);
      at += value;
    }
    if (row.mark) add(svg, "line", { class: "mark", x1: x(row.mark), x2: x(row.mark), y1: y - 3, y2: y + height + 3 });
    return x(Math.max(at, row.mark ?? 0));
  });
}

function legend(host, entries) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const [name, its] of entries) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = color(its);
    item.append(swatch, name);
    list.append(item);
  }
  host.append(list);
}

// Puts each series on top of those before it: its points become [x, top, bottom].
function stacked(series) {
  const below = new Map();
  return series.map((one) => ({ ...one, points: one.points.map(([at, value]) => {
    const bottom = below.get(at) ?? 0;
    below.set(at, bottom + value);
    return [at, bottom + value, bottom];
  }) }));
}

// Lines, or areas on top of each other, over linear or logarithmic axes; ticks are given or worked out.
function lines(host, chart) {
  if (chart.series.length > 1) legend(host, chart.series.map((one) => [one.name, one.color]));
  const height = chart.height ?? 270;
  const { svg, width } = canvas(host, height);
  const series = chart.stacked ? stacked(chart.series) : chart.series;
  const all = series.flatMap((one) => one.points);
  const yTicks = chart.yTicks ?? ticks(Math.max(...all.map((p) => p[1])) * 1.05, 5).found.map((v) => [v, format(v, v < 10 && v % 1 ? 1 : 0)]);
  const left = Math.max(...yTicks.map(([, label]) => measureText(label, 11.5))) + 10;
  const [head, foot] = [22, 40];
  const right = Math.ceil(measureText(chart.xTicks[chart.xTicks.length - 1][1], 11.5) / 2) + 2;
  const axis = (from, to, a, b, log) => {
    const warp = log ? Math.log10 : (v) => v;
    return (value) => a + ((warp(value) - warp(from)) / (warp(to) - warp(from))) * (b - a);
  };
  const xs = chart.xRange ?? [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  const ys = chart.yRange ?? [0, Math.max(...all.map((p) => p[1])) * 1.05];
  const x = axis(xs[0], xs[1], left, width - right, chart.xLog);
  const y = axis(ys[0], ys[1], height - foot, head, chart.yLog);
  for (const [value, label] of yTicks) {
    add(svg, "line", { class: "gridline", x1: left, x2: width - right, y1: y(value), y2: y(value) });
    add(svg, "text", { class: "soft", x: left - 7, y: y(value) + 4, "text-anchor": "end" }, label);
  }
  let free = -Infinity;
  for (const [value, label] of chart.xTicks) {
    add(svg, "line", { class: "gridline", x1: x(value), x2: x(value), y1: height - foot, y2: height - foot + 4 });
    const half = measureText(label, 11.5) / 2;
    if (x(value) - half < free) continue;
    free = x(value) + half + 8;
    add(svg, "text", { class: "soft", x: x(value), y: height - foot + 17, "text-anchor": "middle" }, label);
  }
  add(svg, "text", { class: "soft", x: 0, y: 11 }, chart.yLabel);
  add(svg, "text", { class: "soft", x: width - right, y: height - 5, "text-anchor": "end" }, chart.xLabel);
  for (const at of chart.cuts ?? []) {
    add(svg, "line", { class: "cut", x1: x(at), x2: x(at), y1: head, y2: height - foot });
  }
  const inside = ([a]) => a >= xs[0] && a <= xs[1];
  const trace = (points) => points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L");
  for (const one of series) {
    const shown = one.points.filter(inside);
    if (!shown.length) continue;
    const points = shown.map(([a, b]) => [x(a), y(Math.max(b, chart.yLog ? ys[0] : b))]);
    if (chart.stacked) {
      const bottom = shown.map(([a, , c]) => [x(a), y(c)]).reverse();
      add(svg, "path", { d: `M${trace(points)}L${trace(bottom)}Z`, fill: color(one.color), opacity: 0.85 });
      continue;
    }
    const path = add(svg, "path", { class: "trace", stroke: color(one.color), d: `M${trace(points)}` });
    if (one.dashed) path.setAttribute("stroke-dasharray", "5 4");
    if (one.dots) points.forEach(([a, b]) => add(svg, "circle", { cx: a, cy: b, r: 3.2, fill: color(one.color) }));
  }
}

const kinds = { bars, dots, stacks, lines };

function draw() {
  for (const host of document.querySelectorAll("[data-chart]")) {
    const chart = CHARTS[host.dataset.chart];
    host.replaceChildren();
    kinds[chart.kind](host, chart);
  }
}

let drawnAt = 0;
function drawIfResized() {
  if (drawnAt !== document.body.clientWidth) draw();
  drawnAt = document.body.clientWidth;
}
addEventListener("resize", drawIfResized);
addEventListener("beforeprint", draw);
drawIfResized();
